//! How much memory this machine has.

/// Bytes of memory of this machine, used or not; `None` where it does not say. Limits of containers are not looked at.
#[must_use]
pub fn machine_memory() -> Option<u64> {
    total(&cache_fs::read_text("/proc/meminfo", 1 << 20).ok()?)
}

/// `MemTotal:       16384256 kB`, as proc_meminfo(5) has it; its kB are 1024 bytes.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_total_is_read() {
        assert_eq!(super::total("MemTotal:       16384256 kB\nMemFree: 1 kB\n"), Some(16_384_256 * 1024));
        assert_eq!(super::total("nothing"), None);
    }
}
