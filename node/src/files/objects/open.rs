//! Opens the bucket of the files, and says in one sentence why it cannot be used.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::StreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore};

use super::address::FilesAddress;
use super::bucket::{Bucket, REQUEST_TIME_MAX, RETRY_TIME_MAX, retries};
use super::keys::note_path;
use super::object_storage::ObjectStorage;
use crate::error_chain::error_chain;

/// The longest time to connect.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// The bucket of the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenFilesError {
    /// No credentials are set.
    #[error("the files in {0} need credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    Credentials(FilesAddress),
    /// The settings of the environment do not fit together.
    #[error("cannot reach the files in {0} with these AWS_ variables: {1}")]
    Settings(FilesAddress, String),
    /// There is no such bucket.
    #[error("the bucket of {0} does not exist at {1}; make it, or name another one")]
    NoBucket(FilesAddress, String),
    /// The credentials have no right to the bucket, or they are wrong.
    #[error(
        "no right to read and write {0} at {1}; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights of that key: {2}"
    )]
    NoRights(FilesAddress, String, String),
    /// The store of objects does not answer, or not as it should.
    #[error("cannot use the files in {0} at {1}; check AWS_ENDPOINT_URL and the network: {2}")]
    Unreachable(FilesAddress, String, String),
}

/// The variables that name credentials. Without any of them, a server in a cloud of Amazon asks its machine.
const CREDENTIALS: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// The variables that name the endpoint, the more special one first.
const ENDPOINT: [&str; 3] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];

/// The longest time of the retries at the start, where somebody waits for the reason.
const START_TIME_MAX: Duration = Duration::from_secs(5);

/// The content of the object that each start writes, to find out whether it may.
const NOTE: &str =
    "The objects beside this one are the files of a qchat server. `qchat client` fetches them.\n";

/// Opens the bucket with the credentials of the environment, and checks that it can be read and written.
///
/// # Errors
/// [`OpenFilesError`].
pub(crate) async fn open(address: &FilesAddress) -> Result<ObjectStorage, OpenFilesError> {
    let variable = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let endpoint = ENDPOINT.iter().find_map(variable);
    if endpoint.is_some() && CREDENTIALS.iter().find_map(variable).is_none() {
        return Err(OpenFilesError::Credentials(address.clone()));
    }
    let prefix = Path::from(address.prefix.as_str());
    let checked = Bucket::new(s3(address, endpoint.as_deref(), START_TIME_MAX)?, prefix.clone());
    let used = s3(address, endpoint.as_deref(), RETRY_TIME_MAX)?;
    let shown = endpoint.unwrap_or_else(|| "Amazon S3".to_owned());
    check(&checked).await.map_err(|error| explain(address.clone(), shown, &error))?;
    Ok(ObjectStorage::new(Bucket::new(used, prefix)))
}

fn s3(
    address: &FilesAddress,
    endpoint: Option<&str>,
    retry_time_max: Duration,
) -> Result<Arc<dyn ObjectStore>, OpenFilesError> {
    let wrong = |why: String| OpenFilesError::Settings(address.clone(), why);
    let mut options =
        ClientOptions::new().with_timeout(REQUEST_TIME_MAX).with_connect_timeout(CONNECT_TIME_MAX);
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(address.bucket.as_str());
    if let Some(endpoint) = endpoint {
        let allowed = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value == "true");
        if endpoint.starts_with("http:") && !allowed && !is_this_machine(endpoint) {
            let why = format!("{endpoint} is not encrypted; use https, or set AWS_ALLOW_HTTP=true");
            return Err(wrong(why));
        }
        options = options.with_allow_http(endpoint.starts_with("http:"));
        builder = builder.with_config(AmazonS3ConfigKey::Endpoint, endpoint);
    }
    let store = builder.with_client_options(options).with_retry(retries(retry_time_max)).build();
    Ok(Arc::new(store.map_err(|error| wrong(error_chain(&error)))?))
}

/// Whether an endpoint is on the loopback interface, where nobody else reads what is sent.
fn is_this_machine(endpoint: &str) -> bool {
    let host = endpoint.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Checks that the bucket can be read and written.
async fn check(bucket: &Bucket) -> io::Result<()> {
    bucket.list(bucket.prefix()).next().await.transpose()?;
    bucket.put(&note_path(bucket.prefix()), NOTE.into()).await
}

/// The sentence for an error of the first requests.
fn explain(address: FilesAddress, endpoint: String, error: &io::Error) -> OpenFilesError {
    let chain = error_chain(error);
    let is_about = |words: &[&str]| words.iter().any(|word| chain.contains(word));
    if is_about(&["NoSuchBucket"]) {
        return OpenFilesError::NoBucket(address, endpoint);
    }
    let denied = ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden"];
    match error.kind() == io::ErrorKind::PermissionDenied || is_about(&denied) {
        true => OpenFilesError::NoRights(address, endpoint, chain),
        false => OpenFilesError::Unreachable(address, endpoint, chain),
    }
}

#[cfg(test)]
mod tests;
