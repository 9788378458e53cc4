//! Which addresses a request may reach: [`AddressClass`], [`Reach`], [`AllowList`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cache_core::{Error, ErrorKind, Result};

/// The kind of network that an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// The internet.
    Public,
    /// A network of its own: RFC 1918, RFC 6598 (carriers), RFC 4193 (IPv6), and what is reserved.
    Private,
    /// This machine.
    Loopback,
    /// This link: RFC 3927, RFC 4291, and the metadata services of clouds wherever they are.
    LinkLocal,
}

/// Metadata services of clouds outside 169.254.0.0/16: Alibaba, Azure, Oracle.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
/// Metadata services over IPv6: Amazon, Google.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

impl AddressClass {
    /// The class of an address. IPv4 written as IPv6 (mapped, translated, NAT64, 6to4) is what it stands for.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => embedded(address).map_or_else(|| Self::of_v6(address), Self::of_v4),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        // To connect to 0.0.0.0 reaches this machine.
        if address.is_loopback() || address.is_unspecified() {
            Self::Loopback
        } else if address.is_link_local() || METADATA_V4.contains(&address) {
            Self::LinkLocal
        } else if address.is_private()
            || a == 0
            || (a == 100 && b & 0xc0 == 64)
            || (a == 192 && b == 0 && c == 0)
            || (a == 198 && b & 0xfe == 18)
            || a >= 224
        {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() || address.is_unspecified() {
            Self::Loopback
        } else if address.is_unicast_link_local() || METADATA_V6.contains(&address) {
            Self::LinkLocal
        } else if address.is_unique_local()
            || address.is_multicast()
            || address.segments()[0] & 0xffc0 == 0xfec0
            // NAT64 of a network of its own (RFC 8215): what it stands for is not known.
            || matches!(address.segments(), [0x64, 0xff9b, 1, ..])
        {
            Self::Private
        } else {
            Self::Public
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
        })
    }
}

/// The address of IPv4 that one of IPv6 stands for.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (a, b, c, d) {
        (0x64, 0xff9b, 0, 0) => Some(v4(g, h)),
        (0x2002, ..) => Some(v4(b, c)),
        // RFC 2765, ::ffff:0:0:0/96.
        (0, 0, 0, 0) if (e, f) == (0xffff, 0) => Some(v4(g, h)),
        _ if address.is_loopback() || address.is_unspecified() => None,
        _ => address.to_ipv4(),
    }
}

/// Addresses that a request may be sent to. The address that is connected to counts, not the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// The user has named the host: any address but a link-local one. Once seen at a public address, it stays public.
    #[default]
    Named,
    /// A server on the internet has named the host: public addresses only.
    Public,
    /// Any address: for the metadata service of a cloud.
    Any,
}

impl Reach {
    pub(crate) fn permits(self, class: AddressClass) -> bool {
        match self {
            Self::Any => true,
            Self::Named => class != AddressClass::LinkLocal,
            Self::Public => class == AddressClass::Public,
        }
    }
}

/// Hosts and networks that may always be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    hosts: Vec<String>,
    networks: Vec<(IpAddr, u8)>,
}

impl AllowList {
    /// Reads host names, addresses and networks: `cdn.corp.example`, `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for an entry that is none of these.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut list = Self::default();
        for entry in entries {
            let (address, length) =
                entry.split_once('/').map_or((entry, None), |(address, length)| (address, Some(length)));
            let parsed = address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            match (parsed, length) {
                (Ok(address), length) => {
                    let most = if address.is_ipv4() { 32 } else { 128 };
                    let length =
                        length.map_or(Some(most), |length| length.parse().ok().filter(|&length| length <= most));
                    list.networks.push((address, length.ok_or_else(|| refused(entry))?));
                }
                (Err(_), None) if is_host(entry) => list.hosts.push(entry.to_ascii_lowercase()),
                (Err(_), _) => return Err(refused(entry)),
            }
        }
        Ok(list)
    }

    pub(crate) fn has_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|allowed| allowed == host)
    }

    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        self.networks.iter().any(|&(network, length)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same_bits(u128::from(network.to_bits()) << 96, u128::from(address.to_bits()) << 96, length)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => same_bits(network.to_bits(), address.to_bits(), length),
            _ => false,
        })
    }
}

fn same_bits(one: u128, other: u128, length: u8) -> bool {
    (one ^ other).checked_shr(128 - u32::from(length)).unwrap_or(0) == 0
}

fn is_host(text: &str) -> bool {
    let fine = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // What begins with a digit in its last label is meant as an address.
    let name = text.rsplit('.').next().is_some_and(|last| last.starts_with(|first: char| !first.is_ascii_digit()));
    name && text.split('.').all(fine)
}

fn refused(entry: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("{entry:?} is neither a host name nor an address nor a network"))
        .with_hint("write cdn.example.com, 10.1.2.3 or 10.0.0.0/8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_the_class_they_lead_to() {
        use AddressClass::{LinkLocal, Loopback, Private, Public};
        for (text, class) in [
            ("1.1.1.1", Public),
            ("172.15.0.1", Public),
            ("100.128.0.1", Public),
            ("2606:4700::1111", Public),
            ("64:ff9b::101:101", Public),
            ("10.0.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("198.19.0.1", Private),
            ("224.0.0.1", Private),
            ("255.255.255.255", Private),
            ("0.1.2.3", Private),
            ("fd12::1", Private),
            ("fec0::1", Private),
            ("ff02::1", Private),
            ("::ffff:10.0.0.1", Private),
            ("2002:a00:1::", Private),
            ("::ffff:0:10.0.0.1", Private),
            ("64:ff9b:1::101:101", Private),
            ("127.0.0.1", Loopback),
            ("127.9.9.9", Loopback),
            ("0.0.0.0", Loopback),
            ("::1", Loopback),
            ("::", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("64:ff9b::7f00:1", Loopback),
            ("169.254.169.254", LinkLocal),
            ("::ffff:169.254.169.254", LinkLocal),
            ("64:ff9b::a9fe:a9fe", LinkLocal),
            ("fe80::1", LinkLocal),
            ("fd00:ec2::254", LinkLocal),
            ("fd20:ce::254", LinkLocal),
            ("192.0.0.192", LinkLocal),
            ("100.100.100.200", LinkLocal),
            ("168.63.129.16", LinkLocal),
        ] {
            assert_eq!(AddressClass::of(text.parse().unwrap()), class, "{text}");
        }
    }

    #[test]
    fn a_list_has_hosts_addresses_and_networks() {
        let entries = ["CDN.example", "10.1.2.3", "192.168.0.0/16", "fd00::/8", "[::1]"];
        let list = AllowList::parse(entries).unwrap();
        assert!(list.has_host("cdn.example") && !list.has_host("other.cdn.example"));
        for (address, there) in [
            ("10.1.2.3", true),
            ("10.1.2.4", false),
            ("192.168.77.1", true),
            ("192.169.0.1", false),
            ("::ffff:192.168.77.1", true),
            ("fd99::1", true),
            ("fe80::1", false),
            ("::1", true),
        ] {
            assert_eq!(list.has_address(address.parse().unwrap()), there, "{address}");
        }
        assert!(AllowList::parse(["0.0.0.0/0"]).unwrap().has_address("169.254.169.254".parse().unwrap()));
        for wrong in ["", "10.0.0.0/33", "10.0.0", "http://x", "a b", "x/8", "10.0.0.0/x", "a..b"] {
            assert_eq!(AllowList::parse([wrong]).unwrap_err().kind(), ErrorKind::Usage, "{wrong}");
        }
    }
}
