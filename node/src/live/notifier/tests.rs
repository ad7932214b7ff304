use super::*;

fn group(name: &str) -> Topic {
    Topic::Log(Address::Group(name.parse().unwrap()))
}

#[tokio::test]
async fn a_watcher_is_woken_for_what_it_follows_and_only_once() {
    let notifier = Notifier::default();
    let mut watcher = notifier.watcher();
    watcher.follow(group("lab"));
    for log in ["lab", "lab", "kitchen"] {
        notifier.wake(&group(log));
    }
    notifier.wake(&Topic::Marks(Address::Group("lab".parse().unwrap())));
    let pending = watcher.woken().await;
    assert_eq!(pending.logs, HashSet::from([Address::Group("lab".parse().unwrap())]));
    assert!(!pending.presence && !pending.members && !pending.marks);
    watcher.unfollow(&group("lab"));
    notifier.wake(&group("lab"));
    notifier.wake_for_members(&"lab".parse().unwrap());
    notifier.wake_for_presence();
    let pending = watcher.woken().await;
    assert!(pending.presence && pending.logs.is_empty() && !pending.members);
}

#[tokio::test]
async fn a_watcher_of_markers_is_woken_by_a_join_or_leave() {
    let notifier = Notifier::default();
    let mut watcher = notifier.watcher();
    watcher.follow(Topic::Marks(Address::Group("lab".parse().unwrap())));
    notifier.wake_for_members(&"lab".parse().unwrap());
    let pending = watcher.woken().await;
    assert!(pending.marks && !pending.members);
}

#[test]
fn a_dropped_watcher_leaves_no_state() {
    let notifier = Notifier::default();
    let mut watcher = notifier.watcher();
    watcher.follow(group("lab"));
    drop(watcher);
    let state = lock(&notifier.state);
    assert!(state.watchers.is_empty() && state.followers.is_empty());
}
