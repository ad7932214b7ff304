//! The word, the form and the help of `listen`, which is a command of the program and no line of a prompt.

/// The command's name.
pub(crate) const NAME: &str = "listen";

/// The command as it is to be written.
pub(crate) const USAGE: &str = "listen [--json] [--ack] [--from-start]";

/// The paragraph about the command in the program's help.
pub(crate) const HELP: &str = "\
For bots, as a command of its own: listen [--json] [--ack] [--from-start]
  Prints messages and files to --user NAME and to their groups, as they come, until it is stopped; with
  --json one object a line. It continues after the last message of an earlier listen of this user. The
  first listen begins with the oldest unread message of each log, with --from-start with the first one.
  In a group, messages from before the joining count as read. Printed messages are marked as read.
  With --ack a message is done when its id is written to standard input, as a line. The next start prints
  the others again. 1,024 may wait at a time. It ends with standard input.";
