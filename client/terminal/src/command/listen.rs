//! The word, the form and the help of `listen`, which is a command of the program and no line of a prompt.

/// The command's name.
pub(crate) const NAME: &str = "listen";

/// The command as it is to be written.
pub(crate) const USAGE: &str = "listen [--json] [--ack] [--from-start]";

/// The paragraph about the command in the program's help.
pub(crate) const HELP: &str = "\
For bots, as a command of its own: listen [--json] [--ack] [--from-start]
  Prints what others send to --user NAME and to their groups, as it comes, until it is stopped; with
  --json one object a line. It goes on where the last one of this user ended; the first one begins
  with the oldest unread message of each log, or with --from-start with the first. In a group, messages
  from before the joining count as read. What was printed is marked as read.
  With --ack a message is done only when its id was written to standard input, as a line; what is not
  done is printed again at the next start. 1,024 may wait at a time. It ends with standard input.";
