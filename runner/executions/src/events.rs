//! What a run tells while it goes on.

use std::sync::Arc;

use stasis_core::{ConsoleLevel, engine::RunEvents};

use crate::{admission::Permit, live::Live};

/// Takes a run's console text and its leave of the processor.
pub(crate) struct Events {
    live: Arc<Live>,
    permit: Permit,
}

impl Events {
    pub(crate) const fn new(live: Arc<Live>, permit: Permit) -> Self {
        Self { live, permit }
    }
}

impl RunEvents for Events {
    fn console(&mut self, level: ConsoleLevel, text: &str) {
        self.live.output.print(level.prefix(), text);
    }

    fn sleeps(&mut self) {
        self.permit.sleep();
    }

    fn wakes(&mut self) {
        self.permit.wake();
    }

    fn ended(&mut self) {
        self.permit.stop_running();
    }
}
