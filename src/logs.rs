//! The server's log, on standard error.

use std::io::{IsTerminal, stderr};

use clap::ValueEnum;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged where `QCHAT_LOG` says nothing.
const DEFAULT_FILTER: &str = "info,quinn=warn,quinn_proto=warn,rustls=warn";

/// Starts logging. `QCHAT_LOG` chooses what, as in `debug` or `qchat_node=debug,warn`.
pub(crate) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("QCHAT_LOG");
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match format {
        LogFormat::Text => log.with_target(false).with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
