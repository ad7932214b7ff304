use clap::Parser;

use super::*;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    client: ClientArgs,
}

fn parse(arguments: &[&str]) -> Result<ClientArgs, clap::Error> {
    let arguments = std::iter::once(&"qchat").chain(arguments);
    Program::try_parse_from(arguments).map(|program| program.client)
}

#[test]
fn what_follows_the_command_is_its_own() {
    let args = parse(&["--json", "send", "bob", "--json", "-c", "--", "-x"]).unwrap();
    assert!(args.json && args.lines.is_empty());
    assert_eq!(args.command, ["send", "bob", "--json", "-c", "--", "-x"]);
}

#[test]
fn lines_and_a_command_exclude_each_other() {
    assert_eq!(parse(&["-c", "ls", "-c", "inbox"]).unwrap().lines, ["ls", "inbox"]);
    assert!(parse(&["-c", "ls", "inbox"]).is_err());
    assert!(parse(&["--ca", "x", "--accept-new"]).is_err());
}
