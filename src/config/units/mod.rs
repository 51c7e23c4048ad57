//! Sizes, rates, parts of the link, durations and hours as a person writes them: `400 GB`,
//! `20 Mbit/s`, `1h 30m`, `lun-ven 08:00-18:00`. Each one's `Display` is read back to the same value.

mod nameserver;
mod part;
mod period;
mod site;
mod size;
mod window;

pub use self::{
    nameserver::Nameserver,
    part::LinkPart,
    period::Period,
    site::{Endpoint, Site},
    size::{ByteRate, ByteSize},
    window::TimeWindow,
};

/// Why a text is not the quantity it should be: what was found, what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {expected}")]
pub struct BadUnit {
    found: String,
    expected: &'static str,
}

impl BadUnit {
    /// Characters of a wrong text that are repeated to its author.
    const SHOWN_CHARS: usize = 60;

    pub(in crate::config) fn new(found: &str, expected: &'static str) -> Self {
        Self { found: found.chars().take(Self::SHOWN_CHARS).collect(), expected }
    }
}

/// Read from, and written to, a file as the text that `FromStr` and `Display` speak.
macro_rules! as_text {
    ($type:ty, $expected:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                from.deserialize_str(Text)
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    };
}
pub(in crate::config) use as_text;
