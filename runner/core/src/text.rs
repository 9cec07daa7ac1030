//! How records are stored: as JSON, so that a newer version can add fields; texts that are too long for
//! one value in pieces beside them.

use std::error::Error;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    RefError, RefStore,
    ref_store::{Batch, Key, Order, Scan, Start},
};

/// Texts up to this many bytes are part of the record.
const INLINE: usize = 32 << 10;
/// The size of a piece, in bytes; well below what a store takes as one value.
const PIECE: usize = 192 << 10;
/// How many pieces are committed or read at a time.
const PIECES_AT_ONCE: usize = 8;

/// A text in a record, or where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoredText {
    /// The text itself.
    Inline(String),
    /// The partition that has the text's pieces, in order.
    Pieces(String),
}

/// Stores a text, if it is long, and returns what of it belongs into the record. Nobody else may use
/// the partition.
pub(crate) async fn store(
    refs: &dyn RefStore,
    partition: String,
    text: &str,
) -> Result<StoredText, RefError> {
    if text.len() <= INLINE {
        return Ok(StoredText::Inline(text.to_owned()));
    }
    let pieces: Vec<(u64, &[u8])> = (0..).zip(text.as_bytes().chunks(PIECE)).collect();
    for some in pieces.chunks(PIECES_AT_ONCE) {
        let mut batch = Batch::default();
        for (n, piece) in some {
            batch.put(Key::new(&*partition, n.to_be_bytes()), piece.to_vec());
        }
        refs.commit(batch).await?;
    }
    Ok(StoredText::Pieces(partition))
}

/// The whole text.
pub(crate) async fn load(refs: &dyn RefStore, text: StoredText) -> Result<String, RefError> {
    let partition = match text {
        StoredText::Inline(text) => return Ok(text),
        StoredText::Pieces(partition) => partition,
    };
    let mut bytes = Vec::new();
    let mut last: Option<Vec<u8>> = None;
    loop {
        let start = last.as_deref().map_or(Start::First, Start::After);
        let scan = Scan { partition: &partition, start, order: Order::Ascending, limit: PIECES_AT_ONCE };
        let pieces = refs.scan(scan).await?;
        for piece in &pieces {
            bytes.extend_from_slice(&piece.value);
        }
        match pieces.into_iter().next_back() {
            Some(piece) => last = Some(piece.sort),
            None => return String::from_utf8(bytes).map_err(damaged),
        }
    }
}

/// A record as it is stored.
pub(crate) fn encode(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have no maps with keys that are not texts")
}

/// A record that was stored.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RefError> {
    serde_json::from_slice(bytes).map_err(damaged)
}

/// The error for what is stored and cannot be understood.
pub(crate) fn damaged(error: impl Error + Send + Sync + 'static) -> RefError {
    RefError::Damaged(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ref_store::MemoryRefStore;

    #[tokio::test]
    async fn texts_of_any_length_come_back() {
        let refs = MemoryRefStore::default();
        for length in [0, 1, INLINE, INLINE + 1, PIECE, PIECE + 1, PIECE * 9 + 5] {
            // Characters of three bytes, so that pieces end within them.
            let text = "€".repeat(length.div_ceil(3));
            let stored = store(&refs, format!("text/{length}"), &text).await.expect("stored");
            assert_eq!(matches!(stored, StoredText::Inline(_)), text.len() <= INLINE);
            assert_eq!(load(&refs, stored).await.expect("loaded"), text);
        }
    }
}
