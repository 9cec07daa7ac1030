//! Frames as bytes.

use serde::{Serialize, de::DeserializeOwned};

/// Size of a frame's length.
pub(crate) const HEADER_BYTES: usize = 4;
/// No message comes with more descriptors.
pub(crate) const MAX_DESCRIPTORS: usize = 4;

/// Bytes that are not a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("frame of {got} bytes, at most {max} are accepted")]
    TooLong { got: usize, max: usize },
    #[error("frame is not a message")]
    Malformed(#[from] postcard::Error),
    #[error("frame has {0} bytes after its message")]
    Trailing(usize),
}

/// The frame for a message.
///
/// # Panics
/// If the message is larger than 4 GiB; callers bound what they put into one.
pub(crate) fn encode(message: &impl Serialize) -> Vec<u8> {
    let frame = postcard::to_extend(message, vec![0; HEADER_BYTES]);
    let mut frame = frame.expect("writing to memory does not fail");
    let length = u32::try_from(frame.len() - HEADER_BYTES).expect("messages are bounded");
    frame[..HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
    frame
}

/// The length of the payload that follows a header.
pub(crate) fn payload_length(header: [u8; HEADER_BYTES], max: usize) -> Result<usize, FrameError> {
    let got = u32::from_le_bytes(header) as usize;
    if got > max { Err(FrameError::TooLong { got, max }) } else { Ok(got) }
}

/// The message in a payload.
pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, FrameError> {
    let (message, rest) = postcard::take_from_bytes(payload)?;
    if rest.is_empty() { Ok(message) } else { Err(FrameError::Trailing(rest.len())) }
}

#[cfg(test)]
mod tests {
    use stasis_core::{Capabilities, HostError};

    use super::super::{FromWorker, Job, ToWorker};
    use super::*;

    fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(message: T) {
        let frame = encode(&message);
        let (header, payload) = frame.split_first_chunk().expect("a header");
        assert_eq!(payload_length(*header, 1000).expect("short"), payload.len());
        assert_eq!(decode::<T>(payload).expect("a message"), message);
        assert!(decode::<T>(&payload[..payload.len() - 1]).is_err(), "a part is no message");
        assert!(matches!(decode::<T>(&[payload, b"x"].concat()), Err(FrameError::Trailing(1))));
    }

    #[test]
    fn messages_survive_the_way() {
        check(ToWorker::Fork);
        check(ToWorker::Answer { id: 7, result: Err(HostError::with_code("ENOENT", "no such file")) });
        let (name, code) = ("a".to_owned(), "1+1".to_owned());
        let capabilities = Capabilities { fetch: true, ..Capabilities::default() };
        check(ToWorker::Run(Job {
            name,
            code,
            heap: 1,
            external: 2,
            cpu_seconds: 3,
            result: 4,
            capabilities,
            keep: true,
        }));
        check(FromWorker::Console { level: 3, text: "ü".repeat(300), more: true });
    }

    #[test]
    fn what_is_not_a_message_is_refused() {
        assert!(decode::<FromWorker>(&[]).is_err());
        assert!(decode::<FromWorker>(&[200]).is_err());
        // A text that says it is longer than what follows.
        assert!(decode::<FromWorker>(&[6, 0xff, 0xff, 0xff, 0x7f, b'x']).is_err());
        assert!(matches!(payload_length([1, 0, 1, 0], 65536), Err(FrameError::TooLong { .. })));
    }
}
