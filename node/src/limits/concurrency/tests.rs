use super::*;

#[test]
fn an_account_at_its_limit_leaves_permits_to_others() {
    let limit = ConcurrencyLimit::of(2);
    let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    let of_alice = [limit.take(&alice).unwrap(), limit.take(&alice).unwrap()];
    assert!(matches!(limit.take(&alice), Err(Refusal::TooManyAtOnce(2))));
    let of_bob = limit.take(&bob).unwrap();
    drop(of_alice);
    assert!(limit.take(&alice).is_ok());
    drop(of_bob);
    assert!(limit.permits().is_empty());
}
