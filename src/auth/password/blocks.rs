//! The memory that hashes are made in. It is kept from one hash to the next: the allocator would keep the memory of
//! each thread that has ever made one, and so many times as much.

use std::sync::{Mutex, PoisonError};

use argon2::{Block, Params};

/// Number of blocks that are kept: as many as our own hashes take.
const LASTING: usize = Params::DEFAULT_M_COST as usize;

/// Blocks for as many hashes as were ever made at once.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    /// Runs `work` with this many blocks, which hold whatever was in them before. A number of blocks above [`LASTING`]
    /// goes back to the system afterwards.
    pub(super) fn lend<T>(&self, count: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        if count > LASTING {
            return work(&mut vec![Block::new(); count]);
        }
        let free = self.free().pop();
        let mut blocks = free.unwrap_or_else(|| vec![Block::new(); LASTING]);
        let done = work(&mut blocks);
        self.free().push(blocks);
        done
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_memory_for_as_many_as_are_at_work_and_no_more() {
        let memory = Memory::default();
        let here = |blocks: &mut [Block]| blocks.as_ptr();
        let first = memory.lend(8, here);
        assert_eq!(memory.lend(LASTING, here), first, "used again");
        let other = memory.lend(LASTING, |blocks| {
            assert_eq!(blocks.as_ptr(), first);
            memory.lend(LASTING, here)
        });
        assert_ne!(other, first);
        memory.lend(LASTING + 1, |blocks| assert_eq!(blocks.len(), LASTING + 1));
        assert_eq!(memory.free().iter().map(Vec::len).collect::<Vec<_>>(), [LASTING, LASTING]);
    }
}
