//! A server with folders of its own.

use std::{io, net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::LoadError;

/// Ends with its owner.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

/// How long it may take to make its base image and listen.
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    pub(crate) async fn start(stateless: bool) -> Result<Self, LoadError> {
        let folder = tempfile::tempdir().map_err(LoadError::Server)?;
        let mut command = Command::new(beside_this_one().map_err(LoadError::Server)?);
        command.args(["--http-port", "0", "--log", "warn"]).env("XDG_DATA_HOME", folder.path());
        if stateless {
            command.arg("--stateless");
        }
        let mut process =
            command.stderr(Stdio::piped()).kill_on_drop(true).spawn().map_err(LoadError::Server)?;
        let stderr = process.stderr.take().ok_or(LoadError::Ended)?;
        let mut lines = BufReader::new(stderr).lines();
        let listening = async {
            loop {
                let line = lines.next_line().await.map_err(LoadError::Server)?.ok_or(LoadError::Ended)?;
                if let Some((_, address)) = line.split_once("listening on http://") {
                    return address.parse().map_err(|_| LoadError::Ended);
                }
            }
        };
        let address = timeout(PATIENCE, listening).await.map_err(|_| LoadError::Ended)??;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { address, process, _folder: folder })
    }

    /// Resident memory of the server process, without its workers.
    pub(crate) fn memory_megabytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id().unwrap_or_default());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or_default() >> 10
    }
}

/// The `stasis` that was built with this program.
fn beside_this_one() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("stasis"))
}
