//! The boot of this machine, which shows whether unsynced writes can have survived.

use std::sync::LazyLock;

use crate::fs::io_context::OrAbsent as _;

/// Names this boot of this machine; empty where the system does not say.
pub(crate) fn boot_id() -> String {
    static BOOT: LazyLock<String> = LazyLock::new(|| {
        let text = cache_fs::read_text("/proc/sys/kernel/random/boot_id", 64).or_absent();
        text.ok().flatten().unwrap_or_default().trim().to_owned()
    });
    BOOT.clone()
}
