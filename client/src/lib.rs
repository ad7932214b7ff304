//! The qchat client for programs: a bot needs no more.
