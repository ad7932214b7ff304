//! The addresses of one server.

use std::fmt;
use std::str::FromStr;

use super::{AddressError, ServerAddress};

/// The most addresses in a list.
const ADDRESSES_MAX: usize = 16;

/// The addresses of one server, in the order of the text: at least one and at most 16, each once. Behind them are
/// one machine or several machines, all with the same key and the same messages.
///
/// As text the addresses with commas between them: `a:4433,b:4433,c`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerAddresses {
    first: ServerAddress,
    others: Vec<ServerAddress>,
}

impl ServerAddresses {
    /// The first address of the text, by which people know the server.
    pub fn first(&self) -> &ServerAddress {
        &self.first
    }

    /// All addresses.
    pub fn iter(&self) -> impl Iterator<Item = &ServerAddress> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Whether there is more than one address.
    pub fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// Whether this is one of the addresses.
    pub fn contains(&self, address: &ServerAddress) -> bool {
        self.iter().any(|known| known == address)
    }
}

impl From<ServerAddress> for ServerAddresses {
    fn from(first: ServerAddress) -> Self {
        Self { first, others: Vec::new() }
    }
}

impl FromStr for ServerAddresses {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some((first, others)) = text.split_once(',') else {
            return text.parse::<ServerAddress>().map(Self::from);
        };
        let parts: Vec<_> = others.split(',').collect();
        if [first].iter().chain(&parts).any(|part| part.trim().is_empty()) {
            return Err(AddressError::EmptyPart(text.to_owned()));
        }
        if parts.len() >= ADDRESSES_MAX {
            return Err(AddressError::TooMany(parts.len().saturating_add(1)));
        }
        let mut list = Self::from(first.parse::<ServerAddress>()?);
        for part in parts {
            let address = part.parse()?;
            if list.contains(&address) {
                return Err(AddressError::Twice(address));
            }
            list.others.push(address);
        }
        Ok(list)
    }
}

/// The addresses with commas between them, each with its port.
impl fmt::Display for ServerAddresses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first)?;
        self.others.iter().try_for_each(|other| write!(formatter, ",{other}"))
    }
}
