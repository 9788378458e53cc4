//! The mirror under test: started, looked at, killed and started again on the same store and port.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fs_err as fs;
use rustix::process::Signal;

use crate::failure::Result;
use crate::torture::process::{self, Running};
use crate::torture::setup::{From, Setup};
use crate::torture::upstream::hub::UNKNOWN_RATE;

/// Longer than any run of the rig.
const FOR_EVER: Duration = Duration::from_secs(86_400);
/// How long a start may take.
const START: Duration = Duration::from_secs(20);

pub(crate) struct Mirror<'a> {
    setup: &'a Setup,
    hub: String,
    mutant: Option<&'static str>,
    store: PathBuf,
    pub(crate) url: String,
    running: Mutex<Option<Running>>,
    peak: AtomicU64,
    kills: AtomicU64,
}

impl<'a> Mirror<'a> {
    pub(crate) fn start(setup: &'a Setup, hub: &str, mutant: Option<&'static str>) -> Result<Self> {
        let mut mirror = Self {
            setup,
            hub: hub.to_owned(),
            mutant,
            store: setup.store(),
            url: "http://127.0.0.1:0".to_owned(),
            running: Mutex::default(),
            peak: AtomicU64::default(),
            kills: AtomicU64::default(),
        };
        let (running, url) = mirror.spawn()?;
        mirror.url = url;
        mirror.running = Mutex::new(Some(running));
        Ok(mirror)
    }

    fn spawn(&self) -> Result<(Running, String)> {
        let listen = self.url.trim_start_matches("http://");
        let arguments = ["serve", "--listen", listen, "--max-size", "200MB"];
        let mut command = self.setup.command(&self.store, From::Honest, self.mutant, &arguments);
        command
            .env("HF_ENDPOINT", &self.hub)
            .env("MODEL_CACHE_SERVER_REFRESH", "2s")
            .env("MODEL_CACHE_LOG", "error,access=info");
        command.env("MODEL_CACHE_LOG_FORMAT", "json");
        command.env("MODEL_CACHE_SERVER_UNKNOWN_RATE", UNKNOWN_RATE.to_string());
        let began = Instant::now();
        let mut running = process::start(command, FOR_EVER)?;
        while began.elapsed() < START {
            if let Some(line) = running.first_line() {
                return Ok((running, line.trim().to_owned()));
            }
            if running.is_over()? {
                return Err(format!("the mirror: {}", running.finish()?.words()).into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        running.signal(Signal::KILL);
        Err("the mirror does not listen".into())
    }

    /// Starts it again after it was killed.
    pub(crate) fn restart(&self) -> Result<()> {
        self.kills.fetch_add(1, Ordering::Relaxed);
        let started = self.spawn()?.0;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
        Ok(())
    }

    /// Kills it, and returns its log.
    pub(crate) fn stop(&self) -> Result<String> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return Ok(String::new()) };
        running.signal(Signal::KILL);
        Ok(running.finish()?.stderr)
    }

    /// Its anonymous memory, in bytes.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub(crate) fn look(&self) -> Result<u64> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = running.as_mut() else { return Ok(0) };
        if running.is_over()? {
            return Err("the mirror ended by itself".into());
        }
        let status = fs::read_to_string(format!("/proc/{}/status", running.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib: u64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
        self.peak.fetch_max(kib << 10, Ordering::Relaxed);
        Ok(kib << 10)
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn kills(&self) -> u64 {
        self.kills.load(Ordering::Relaxed)
    }
}

impl Drop for Mirror<'_> {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
