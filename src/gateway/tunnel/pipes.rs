//! Pipes for `splice(2)`, made when needed, kept for the next, bounded.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// Bytes a pipe should hold. The kernel lets a user have 16384 pages of pipes (64 MiB) before it
/// makes them small: all of ours stay below.
pub const PIPE_BYTES: usize = 256 * 1024;
/// Pipes at once: each is a tunnel's that moves bytes right now, or that waits for a slow end.
const MAX_PIPES: usize = 192;

/// The pipes that wait, and how many there are.
#[derive(Debug, Default)]
struct Kept {
    waiting: Mutex<Waiting>,
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    pipes: Vec<Ends>,
    /// The fewest that waited since the last [`Pipes::tidy`]: so many nobody needed.
    fewest: usize,
}

/// Where pipes are taken from. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pipes(Arc<Kept>);

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe in use: it goes back when it is dropped empty, and is closed when it is not.
#[derive(Debug)]
pub struct Pipe {
    ends: Option<Ends>,
    /// Bytes in it.
    pub holds: usize,
    home: Pipes,
}

impl Pipes {
    /// An empty pipe; nothing when all are in use, or the system has none.
    pub fn take(&self) -> Option<Pipe> {
        let waiting = self.waiting().take();
        let ends = match waiting {
            Some(ends) => ends,
            None => self.make()?,
        };
        Some(Pipe { ends: Some(ends), holds: 0, home: self.clone() })
    }

    /// Closes those that nobody needed since the last time.
    pub fn tidy(&self) {
        let spare = self.waiting().spare();
        self.0.count.fetch_sub(spare.len(), Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self) -> Option<Ends> {
        if self.0.count.fetch_add(1, Relaxed) < MAX_PIPES
            && let Ok((read, write)) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)
        {
            // A smaller one works as well.
            let _ = fcntl_setpipe_size(&write, PIPE_BYTES);
            return Some(Ends { read, write });
        }
        self.0.count.fetch_sub(1, Relaxed);
        None
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Ends> {
        let taken = self.pipes.pop();
        self.fewest = self.fewest.min(self.pipes.len());
        taken
    }

    fn spare(&mut self) -> Vec<Ends> {
        let spare = self.pipes.drain(..self.fewest).collect();
        self.fewest = self.pipes.len();
        spare
    }
}

impl Pipe {
    /// Where bytes come out, and where they go in.
    pub fn ends(&self) -> Option<(&OwnedFd, &OwnedFd)> {
        self.ends.as_ref().map(|ends| (&ends.read, &ends.write))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let Some(ends) = self.ends.take() else { return };
        if self.holds == 0 {
            self.home.waiting().pipes.push(ends);
        } else {
            self.home.0.count.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_are_used_again_unless_bytes_were_left_in_them_and_never_too_many() {
        let pipes = Pipes::default();
        let mut taken: Vec<_> = std::iter::from_fn(|| pipes.take()).collect();
        assert_eq!(taken.len(), MAX_PIPES);
        taken.pop();
        assert!(pipes.take().is_some(), "given back");
        for pipe in &mut taken {
            pipe.holds = 1;
        }
        taken.clear();
        assert_eq!(pipes.waiting().pipes.len(), 1);
        let again: Vec<_> = std::iter::from_fn(|| pipes.take()).collect();
        assert_eq!(again.len(), MAX_PIPES, "those that were closed are made anew");
    }

    #[test]
    fn pipes_that_nobody_needs_are_closed_and_those_in_use_stay() {
        let pipes = Pipes::default();
        let rush: Vec<_> = std::iter::from_fn(|| pipes.take()).take(10).collect();
        drop(rush);
        pipes.tidy();
        assert_eq!(pipes.waiting().pipes.len(), 10, "they were needed a moment ago");
        let (a, b) = (pipes.take(), pipes.take());
        drop(a);
        pipes.tidy();
        assert_eq!(pipes.waiting().pipes.len(), 1, "eight were not needed");
        drop(b);
        for _ in 0..2 {
            pipes.tidy();
        }
        assert_eq!((pipes.waiting().pipes.len(), pipes.0.count.load(Relaxed)), (0, 0));
    }
}
