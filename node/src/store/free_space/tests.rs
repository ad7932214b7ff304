use super::*;

#[test]
fn a_nearly_full_disk_refuses_growth_before_other_changes() {
    let free_space = FreeSpaceNow { free: FLOOR - 1 };
    assert_eq!(free_space.admit_anything(), Ok(()));
    let full = Refusal::ServerFull { free: FLOOR - 1, floor: FLOOR };
    assert_eq!(free_space.admit_growth(), Err(full));
    assert!(FreeSpaceNow { free: FLOOR_OF_SMALL - 1 }.admit_anything().is_err());
    assert_eq!(FreeSpace::unlimited().now().admit_growth(), Ok(()));
}
