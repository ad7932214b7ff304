//! The common implementations of the types whose constructors check or sanitize a string.

/// Implements `as_str`, the conversion into `String`, `Display` and `Debug` for a tuple struct of one `String`. The
/// caller chooses the trait of `String` that writes the `Debug` form.
macro_rules! checked_string {
    ($name:ident, Debug as $debug:ident) => {
        impl $name {
            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(checked: $name) -> Self {
                checked.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::$debug::fmt(&self.0, formatter)
            }
        }
    };
}

/// Implements the conversion from `String` for a type that implements `FromStr`.
macro_rules! parsed_string {
    ($name:ident, $error:ty) => {
        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }
    };
}

pub(crate) use {checked_string, parsed_string};
