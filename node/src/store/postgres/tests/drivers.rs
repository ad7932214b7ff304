//! Random changes of several drivers on one database, compared with the model.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use qchat_proto::{Address, ClientId};

use super::local_server::{LocalServer, shared};
use super::{admin, membership};
use crate::store::Store;
use crate::store::changes::{CreateAccount, CreateGroup, JoinGroup, Post};
use crate::store::interface::{Table, WriterNumber};
use crate::store::postgres::attempt::RoundTrips;
use crate::store::postgres::driver::Driver;
use crate::store::tests::change_generator::ChangeGenerator;
use crate::store::tests::disk_faults::disk_store::{TableContents, difference};
use crate::store::tests::model::{Answer, Model, Step};
use crate::store::tests::random::{Random, setting};
use crate::store::tests::{at, group, text, to, user};

const CASES: u64 = 6;
const STEPS: u64 = 120;

/// The driver of a server, without its queue.
pub(super) async fn driver(url: &str, node: &str) -> Driver {
    let (ready, _) = membership(url, node).join(Arc::new(OnceLock::new())).await.unwrap();
    ready.into_driver()
}

/// Makes these changes in one batch.
pub(super) async fn commit(driver: &mut Driver, steps: &[Step]) -> Vec<Answer> {
    let (jobs, answers): (Vec<_>, Vec<_>) = steps.iter().map(Step::queued).unzip();
    driver.write(jobs).await.unwrap();
    answers.into_iter().map(|answer| answer()).collect()
}

/// The contents of all tables.
pub(super) async fn rows(server: &LocalServer, database: &str) -> TableContents {
    let numbers: BTreeMap<i16, Table> =
        Table::ALL.iter().map(|table| (i16::from(table.number()), *table)).collect();
    let admin = admin(server, database).await;
    let rows = admin.query("SELECT t, k, v FROM kv", &[]).await.unwrap();
    rows.iter().map(|row| ((numbers[&row.get(0)], row.get(1)), row.get(2))).collect()
}

/// The number of the server that was the first, second or third in its database.
fn writer(number: u16) -> WriterNumber {
    WriterNumber::of_server(number).unwrap()
}

/// Whether the answers are those that the model gives.
fn fits(model: &mut Model, steps: &[Step], answers: &[Answer]) -> Result<(), String> {
    for (step, answer) in steps.iter().zip(answers) {
        let expected = model.apply(step);
        let is_right = match (answer, &expected) {
            (Ok(found), Ok(expected)) => found == expected,
            (Err(crate::store::CommitError::Refused(found)), Err(expected)) => found == expected,
            _ => false,
        };
        if !is_right {
            return Err(format!("{step:?}: {answer:?}, expected {expected:?}"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn one_server_behaves_as_the_model() {
    let Some(server) = shared() else { return };
    for seed in 0..setting("QCHAT_POSTGRES_CASES", CASES) {
        let (url, name) = server.database();
        let mut driver = driver(&url, "a").await;
        let mut generator = ChangeGenerator::new(Random::new(seed));
        let mut model = Model::default();
        model.writer = writer(1);
        for _ in 0..STEPS / 5 {
            let count = generator.random.within(1..10);
            let steps = generator.steps(count, &model);
            let answers = commit(&mut driver, &steps).await;
            fits(&mut model, &steps, &answers).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
        let found = rows(server, &name).await;
        assert_eq!(difference(&found, &model.rows()), None, "seed {seed}");
        let store = Store::connect(membership(&url, "reader")).unwrap();
        model.check_queries(&store).await;
    }
}

#[tokio::test]
async fn three_servers_at_once_behave_as_one_that_makes_their_batches_in_some_order() {
    let Some(server) = shared() else { return };
    for seed in 0..setting("QCHAT_POSTGRES_CASES", CASES) {
        let (url, name) = server.database();
        let [mut a, mut b, mut c] =
            [driver(&url, "a").await, driver(&url, "b").await, driver(&url, "c").await];
        let mut generator = ChangeGenerator::new(Random::new(seed));
        let mut model = Model::default();
        for round in 0..STEPS / 5 {
            let [one, two, three] = [(); 3].map(|()| {
                let count = generator.random.within(1..6);
                generator.steps(count, &model)
            });
            let (first, second, third) =
                tokio::join!(commit(&mut a, &one), commit(&mut b, &two), commit(&mut c, &three));
            let made = [(one, first), (two, second), (three, third)];
            let found = rows(server, &name).await;
            let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
            let tried = orders.map(|order| {
                let mut model = model.clone();
                for batch in order {
                    model.writer = writer([1, 2, 3][batch]);
                    let (steps, answers) = &made[batch];
                    fits(&mut model, steps, answers)?;
                }
                match difference(&found, &model.rows()) {
                    None => Ok(model),
                    Some(difference) => Err(difference),
                }
            });
            let errors: Vec<_> = tried.iter().filter_map(|tried| tried.as_ref().err()).collect();
            let errors = format!("{errors:#?}");
            let fitting = tried.into_iter().find_map(Result::ok);
            model = fitting.unwrap_or_else(|| panic!("seed {seed}, round {round}: {errors}"));
        }
    }
}

#[tokio::test]
async fn a_batch_of_sends_takes_two_round_trips() {
    let Some(server) = shared() else { return };
    let (url, _) = server.database();
    let mut driver = driver(&url, "a").await;
    let people: Vec<_> = (0..20).map(|number| format!("user{number}")).collect();
    let id = || ClientId::random();
    let accounts = people.iter().map(|name| {
        let (user, password_hash) = (user(name), String::new());
        Step::CreateAccount(CreateAccount { id: id(), user, password_hash, at: at(0) })
    });
    commit(&mut driver, &accounts.collect::<Vec<_>>()).await;
    let create = CreateGroup { id: id(), group: group("lab"), owner: user("user0"), at: at(0) };
    commit(&mut driver, &[Step::CreateGroup(create)]).await;
    let joins = people.iter().map(|name| {
        Step::JoinGroup(JoinGroup { group: group("lab"), user: user(name), at: at(0) })
    });
    commit(&mut driver, &joins.collect::<Vec<_>>()).await;
    for _ in 0..3 {
        let posts = (0..64).map(|number| {
            let from = user(&people[number % 20]);
            let receiver = match number % 4 {
                0 => Address::Group(group("lab")),
                _ => to(&people[number * 7 % 20]),
            };
            Step::Post(Post { id: id(), from, to: receiver, at: at(1), content: text("hi") })
        });
        driver.trips = RoundTrips::default();
        let answers = commit(&mut driver, &posts.collect::<Vec<_>>()).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(driver.trips.0, 2);
    }
}
