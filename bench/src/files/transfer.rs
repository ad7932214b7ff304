//! One transfer, with its cost on each side.

use std::path::Path;
use std::time::Duration;

use crate::figures::float;
use crate::process::Process;

pub(super) const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// One transfer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Transfer {
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
    /// Sender and receiver, if both are known.
    pub(crate) sides: Option<[Side; 2]>,
}

/// Processor time and memory of a transfer on one side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    pub(crate) cpu: Duration,
    /// The peak of the memory, in bytes.
    pub(crate) peak: u64,
    /// The memory before any transfer.
    pub(crate) idle: u64,
}

impl Transfer {
    pub(super) fn megabytes_per_second(&self) -> f64 {
        float(self.bytes) / 1e6 / self.time.as_secs_f64()
    }

    pub(super) fn cpu_seconds_per_gibibyte(&self, side: &Side) -> f64 {
        side.cpu.as_secs_f64() * 1024.0 * MEBIBYTE / float(self.bytes)
    }
}

impl Side {
    pub(super) fn growth(&self) -> f64 {
        (float(self.peak) - float(self.idle)) / MEBIBYTE
    }
}

/// A process before a transfer.
pub(super) struct Before {
    process: Process,
    idle: u64,
    cpu: Duration,
}

impl Before {
    /// Notes the processor time so far, and resets the peak of the memory.
    pub(super) fn of(process: Process, idle: u64) -> anyhow::Result<Self> {
        process.reset_peak()?;
        Ok(Self { process, idle, cpu: process.cpu()? })
    }

    pub(super) fn side(&self) -> anyhow::Result<Side> {
        let cpu = self.process.cpu()?.saturating_sub(self.cpu);
        Ok(Side { cpu, peak: self.process.memory()?.peak, idle: self.idle })
    }
}

/// The path of a file, as an argument.
pub(super) fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().ok_or_else(|| anyhow::anyhow!("{} is no text", path.display()))
}
