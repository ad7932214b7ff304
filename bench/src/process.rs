//! Memory and processor time of a process, as the system reports them.

use std::process::Child;
use std::time::Duration;

use anyhow::Context;

use crate::figures::float;

/// A running process, by its id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

/// The memory of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// The resident memory now, in bytes.
    pub(crate) resident: u64,
    /// The peak of the resident memory since the last reset, in bytes.
    pub(crate) peak: u64,
    pub(crate) threads: u64,
}

impl Process {
    pub(crate) fn of(child: &Child) -> Self {
        Self(child.id())
    }

    pub(crate) fn memory(self) -> anyhow::Result<Memory> {
        let status = self.read("status")?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            let number = number.with_context(|| format!("process {} has no {name}", self.0))?;
            anyhow::Ok(number.parse::<u64>()?)
        };
        Ok(Memory {
            resident: field("VmRSS:")? * 1024,
            peak: field("VmHWM:")? * 1024,
            threads: field("Threads:")?,
        })
    }

    /// Resets the peak of the resident memory.
    pub(crate) fn reset_peak(self) -> anyhow::Result<()> {
        let path = format!("/proc/{}/clear_refs", self.0);
        std::fs::write(&path, "5").with_context(|| format!("cannot write to {path}"))
    }

    /// The processor time used so far, in clock ticks of the system (10 ms as a rule).
    pub(crate) fn cpu(self) -> anyhow::Result<Duration> {
        let stat = self.read("stat")?;
        // The name, in brackets, may contain spaces. The times are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').context("a process without a name")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks = ticks.sum::<Result<u64, _>>()?;
        Ok(Duration::from_secs_f64(float(ticks) / float(rustix::param::clock_ticks_per_second())))
    }

    fn read(self, name: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{name}", self.0);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }
}
