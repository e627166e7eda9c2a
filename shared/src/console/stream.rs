//! A stream to somebody who may stop listening.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// A writer that goes quiet when its reader has gone: `… | head` is a success.
pub struct Output {
    to: Box<dyn Write + Send>,
    closed: bool,
}

impl Output {
    /// Over any writer.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self {
            to: Box::new(to),
            closed: false,
        }
    }

    /// Whether the reader has gone, so that further work for it is in vain.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn quietly<T>(&mut self, result: io::Result<T>, closed: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(closed)
            }
            other => other,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let result = self.to.write(bytes);
        self.quietly(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.to.flush();
        self.quietly(result, ())
    }
}

type Buffer = Arc<Mutex<Vec<u8>>>;

/// What an in-memory console has written.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    out: Buffer,
    err: Buffer,
}

impl Captured {
    /// Standard output so far.
    pub fn stdout(&self) -> String {
        text(&self.out)
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        text(&self.err)
    }

    pub(super) fn output(&self) -> Output {
        Output::new(Shared(Arc::clone(&self.out)))
    }

    pub(super) fn error_output(&self) -> Output {
        Output::new(Shared(Arc::clone(&self.err)))
    }
}

fn text(buffer: &Buffer) -> String {
    let bytes = buffer.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Shared(Buffer);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
