//! The command line as clap reads it. Nothing past [`options`](crate::options) sees these types.
