use super::*;
use crate::frame;

#[test]
fn a_list_over_its_bound_is_refused() {
    let three: BoundedVec<u8, 3> = BoundedVec::first_of([1, 2, 3]);
    let bytes = frame::encode(&three);
    assert_eq!(frame::decode::<BoundedVec<u8, 3>>(&bytes).as_deref(), Ok(&[1, 2, 3][..]));
    assert!(frame::decode::<BoundedVec<u8, 2>>(&bytes).is_err());
}
