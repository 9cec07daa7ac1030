//! What a run has open: which number stands for which transfer.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use stasis_core::host::MAX_CHUNK_BYTES;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    FetchError, FetchLimits,
    download::Download,
    limits::{LimitError, OpenSlot},
    upload::Part,
};

/// All of a run's. Dropping it ends them.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    open: Arc<Table>,
}

#[derive(Debug, Default)]
struct Table(Mutex<HashMap<u32, Transfer>>);

#[derive(Debug)]
struct Transfer {
    /// Ends whatever waits on this transfer.
    token: CancellationToken,
    upload: Option<mpsc::Sender<Part>>,
    sent_bytes: u64,
    download: Option<Arc<tokio::sync::Mutex<Download>>>,
    _slot: OpenSlot,
}

impl Transfers {
    /// Takes a number for a fetch that starts.
    pub(super) fn open(
        &self,
        fetch: u32,
        slot: OpenSlot,
        upload: Option<mpsc::Sender<Part>>,
    ) -> Result<Opened, FetchError> {
        let token = CancellationToken::new();
        let transfer = Transfer { token: token.clone(), upload, sent_bytes: 0, download: None, _slot: slot };
        match self.open.lock().entry(fetch) {
            Entry::Occupied(_) => return Err(FetchError::Taken(fetch)),
            Entry::Vacant(entry) => entry.insert(transfer),
        };
        Ok(Opened { token, number: Number { fetch, table: Arc::clone(&self.open) }, kept: false })
    }

    /// The queue for a part of a request's body, which is counted.
    pub(super) fn upload(
        &self,
        fetch: u32,
        part: &Part,
        limits: &FetchLimits,
    ) -> Result<(mpsc::Sender<Part>, CancellationToken), FetchError> {
        let mut table = self.open.lock();
        let transfer = table.get_mut(&fetch).ok_or(FetchError::NotOpen(fetch))?;
        let queue = match part {
            Part::Piece(piece) if piece.len() > MAX_CHUNK_BYTES => return Err(LimitError::Chunk.into()),
            Part::Piece(piece) => {
                transfer.sent_bytes = transfer.sent_bytes.saturating_add(piece.len() as u64);
                if transfer.sent_bytes > limits.request_bytes {
                    // Half a body is of no use to anyone.
                    transfer.upload = None;
                    return Err(LimitError::Request(limits.request_bytes).into());
                }
                transfer.upload.clone()
            }
            Part::End => transfer.upload.take(),
        };
        Ok((queue.ok_or(FetchError::UploadOver)?, transfer.token.clone()))
    }

    /// The body of a response.
    pub(super) fn download(&self, fetch: u32) -> Result<Reading, FetchError> {
        let table = self.open.lock();
        let transfer = table.get(&fetch).ok_or(FetchError::NotOpen(fetch))?;
        let download = transfer.download.clone().ok_or(FetchError::NotOpen(fetch))?;
        let number = Number { fetch, table: Arc::clone(&self.open) };
        Ok(Reading { token: transfer.token.clone(), download, number })
    }

    pub(super) fn close(&self, fetch: u32) {
        self.open.close(fetch);
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        for (_, transfer) in self.open.lock().drain() {
            transfer.token.cancel();
        }
    }
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Transfer>> {
        // Nothing panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, fetch: u32) {
        if let Some(transfer) = self.lock().remove(&fetch) {
            transfer.token.cancel();
        }
    }
}

/// A transfer's place in the table.
#[derive(Debug)]
struct Number {
    fetch: u32,
    table: Arc<Table>,
}

/// A fetch without a response yet. Dropping it ends the fetch.
#[derive(Debug)]
pub(super) struct Opened {
    token: CancellationToken,
    number: Number,
    kept: bool,
}

impl Opened {
    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Leaves open what there is to read.
    pub(super) fn keep(mut self, download: Option<Download>) {
        let Some(download) = download else { return };
        // It is not there any more if it was closed in this moment; the download goes with us then.
        if let Some(transfer) = self.number.table.lock().get_mut(&self.number.fetch) {
            transfer.download = Some(Arc::new(tokio::sync::Mutex::new(download)));
            self.kept = true;
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if !self.kept {
            self.number.table.close(self.number.fetch);
        }
    }
}

/// A script waits for a piece.
#[derive(Debug)]
pub(super) struct Reading {
    token: CancellationToken,
    download: Arc<tokio::sync::Mutex<Download>>,
    number: Number,
}

impl Reading {
    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }

    pub(super) async fn next(&self) -> Result<Option<Bytes>, FetchError> {
        self.download.lock().await.next().await
    }

    /// There is nothing more to come.
    pub(super) fn close(self) {
        self.number.table.close(self.number.fetch);
    }
}
