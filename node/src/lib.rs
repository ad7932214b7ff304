//! The qchat server: accounts, inboxes, groups and files over QUIC.
