//! A real object store for the cases of buckets: SeaweedFS, with one large object.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use fs_err as fs;

use crate::bench::fixtures::{self, Stage};
use crate::failure::Result;
use crate::shell;
use crate::tools;

/// A bucket `bench` that holds `large/file.bin` and the list of its digest.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) aws: PathBuf,
    /// The variables that lead there, for every program that speaks S3.
    pub(crate) variables: Vec<(String, String)>,
    /// A signed address of the object, for programs that do not.
    pub(crate) signed: String,
}

/// Identities of the server's configuration, and their permissions.
const IDENTITIES: &str = r#"{"identities":[{"name":"admin",
  "credentials":[{"accessKey":"AKIDEXAMPLE","secretKey":"a-secret-for-tests"}],
  "actions":["Admin","Read","List","Tagging","Write"]}]}"#;

impl Bucket {
    /// Starts SeaweedFS; `None` where it or `aws` is missing.
    pub(crate) fn start(stage: &Stage) -> Result<Option<Self>> {
        let Some(venv) = tools::venv()? else { return Ok(None) };
        let (weed, aws) = (venv.join("bin/weed"), venv.join("bin/aws"));
        if !weed.is_file() || !aws.is_file() {
            return Ok(None);
        }
        let folder = stage.folder.join("weed");
        Stage::clear(&folder)?;
        let config = folder.join("s3.json");
        fs::write(&config, IDENTITIES)?;
        let mut command = Command::new(weed);
        command.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-volume.max=40"]);
        command.arg(format!("-dir={}", folder.display())).arg(format!("-s3.config={}", config.display()));
        command.args(["-master.volumeSizeLimitMB=1024", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
        let s3 = fixtures::free_port()?;
        command.arg(format!("-s3.port={s3}"));
        for name in [
            "s3.port.grpc",
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
        ] {
            command.arg(format!("-{name}={}", fixtures::free_port()?));
        }
        command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        stage.keep(command.spawn()?);
        fixtures::wait_for(s3)?;
        let pairs = [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{s3}")),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "a-secret-for-tests".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let variables = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut bucket = Self { aws, variables, signed: String::new() };
        bucket.fill(stage)?;
        Ok(Some(bucket))
    }

    /// Amazon's own program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.aws);
        command.args(arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn fill(&mut self, stage: &Stage) -> Result<()> {
        let files = stage.folder.join("www");
        // The server says that it is there before it is able to.
        for attempt in 1.. {
            match shell::output(&mut self.command(&["s3", "mb", "s3://bench"])) {
                Ok(_) => break,
                Err(error) if attempt == 20 => return Err(error),
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(500)),
            }
        }
        let object = "s3://bench/large/file.bin";
        for (from, to) in [("file.bin", object), ("file.bin.sha256", "s3://bench/large/SHA256SUMS")] {
            let from = files.join(from);
            shell::output(&mut self.command(&["s3", "cp", "--quiet", &from.to_string_lossy(), to]))?;
        }
        self.signed = shell::output(&mut self.command(&["s3", "presign", object]))?.trim().to_owned();
        Ok(())
    }
}
