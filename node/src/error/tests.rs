use std::io;

use qchat_transfer::FinishError;

use qchat_proto::Code;

use super::*;

#[test]
fn a_full_disk_among_the_causes_is_reported_as_server_full() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
        for error in [
            CommandError::failed(io::Error::from(kind)),
            CommandError::failed(FinishError::Name(kind.into())),
        ] {
            assert_eq!(error.into_refusal("Upload").code(), Code::ServerFull);
        }
    }
    let error = CommandError::failed(FinishError::Folder(io::ErrorKind::PermissionDenied.into()));
    assert_eq!(error.into_refusal("Upload").code(), Code::Internal);
}
