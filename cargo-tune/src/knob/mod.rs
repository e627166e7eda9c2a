//! Every knob there is to turn, as data: keys of a profile, flags of rustc, and what is only
//! explained.
//!
//! Everything that differs from knob to knob is a method with an exhaustive `match`, so that the
//! compiler lists the work when a knob is added.

/// An enum with the list of all its variants.
macro_rules! listed {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident,)+ }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them, in the order in which they are shown.
            $visibility const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }
    };
}

mod about;
mod assignment;
mod flag;
mod key;
mod topic;

pub use about::{About, Offer, SOURCE};
pub use assignment::{Assignment, KeySetting, Subject};
pub use flag::{Flag, FlagSetting, Present};
pub use key::Key;
pub use topic::Topic;

/// A knob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Knob {
    /// A key of a profile.
    Key(Key),
    /// A flag of rustc.
    Flag(Flag),
    /// What is explained and never written.
    Topic(Topic),
}

impl Knob {
    /// All knobs.
    pub fn all() -> impl Iterator<Item = Self> {
        let keys = Key::ALL.iter().copied().map(Self::Key);
        let flags = Flag::ALL.iter().copied().map(Self::Flag);
        let topics = Topic::ALL.iter().copied().map(Self::Topic);
        keys.chain(flags).chain(topics)
    }

    /// The knob of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|knob| knob.name() == name)
    }

    /// The name for `explain`, for JSON and, where it is offered so, for `--allow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key(key) => key.name(),
            Self::Flag(flag) => flag.name(),
            Self::Topic(topic) => topic.name(),
        }
    }

    /// What is said of it.
    pub fn about(self) -> About {
        match self {
            Self::Key(key) => key.about(),
            Self::Flag(flag) => flag.about(),
            Self::Topic(topic) => topic.about(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_explain_themselves() {
        let names: HashSet<_> = Knob::all().map(Knob::name).collect();
        assert_eq!(names.len(), Knob::all().count());
        for knob in Knob::all() {
            let About { why, story, .. } = knob.about();
            assert!(!why.is_empty() && !story.is_empty(), "{}", knob.name());
            assert_eq!(Knob::find(knob.name()), Some(knob));
        }
    }

    #[test]
    fn flags_are_accepted_by_name_or_with_a_nightly_toolchain() {
        for flag in Flag::ALL {
            assert!(matches!(flag.about().offer, Offer::Allow | Offer::Nightly));
        }
    }
}
