//! The qchat client for people and scripts: the REPL, one-shot commands, rendering, progress.
