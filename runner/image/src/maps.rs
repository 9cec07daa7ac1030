//! Reads `/proc/PID/maps` without allocating, because it is read while the process is being frozen.

/// Which file a mapping shows, as the kernel names it in `maps`. On some file systems (overlayfs,
/// btrfs) this is not what `stat` says, so identities are only ever taken from `maps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileIdentity {
    /// Major and minor number as in `maps`: major in the upper 32 bits.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// One line of `maps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapping<'a> {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// `PROT_READ | PROT_WRITE | PROT_EXEC`
    pub(crate) protection: u32,
    pub(crate) shared: bool,
    pub(crate) offset: u64,
    /// `None` for anonymous memory.
    pub(crate) file: Option<FileIdentity>,
    /// Path or pseudo path such as `[stack]`.
    pub(crate) name: &'a [u8],
}

impl Mapping<'_> {
    /// Whether the kernel provides this area itself (`[vdso]`, `[vvar]`, `[vvar_vclock]`).
    pub(crate) fn is_vdso(&self) -> bool {
        self.name == b"[vdso]" || self.name.starts_with(b"[vvar")
    }

    /// Whether this is the fixed page above user space that can be neither moved nor unmapped.
    pub(crate) fn is_vsyscall(&self) -> bool {
        self.name == b"[vsyscall]"
    }

    pub(crate) fn is_stack(&self) -> bool {
        self.name == b"[stack]"
    }
}

/// Whether a process may write to memory with this protection.
pub(crate) fn is_writable(protection: u32) -> bool {
    protection & libc::PROT_WRITE as u32 != 0
}

/// The mappings in the text of a `maps` file; ends early, with `None`, at a line that is not one.
pub(crate) fn parse(text: &[u8]) -> impl Iterator<Item = Option<Mapping<'_>>> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(parse_line)
}

fn parse_line(line: &[u8]) -> Option<Mapping<'_>> {
    let mut rest = line;
    let start = hexadecimal(take_until(&mut rest, b'-')?)?;
    let end = hexadecimal(take_until(&mut rest, b' ')?)?;
    let flags = take_until(&mut rest, b' ')?;
    let offset = hexadecimal(take_until(&mut rest, b' ')?)?;
    let major = hexadecimal(take_until(&mut rest, b':')?)?;
    let minor = hexadecimal(take_until(&mut rest, b' ')?)?;
    let (inode, name) = match rest.iter().position(|&byte| byte == b' ') {
        Some(space) => (&rest[..space], rest[space..].trim_ascii_start()),
        None => (rest, &[][..]),
    };
    let inode = decimal(inode)?;
    let [r, w, x, sharing] = *flags else { return None };
    let bit = |flag: u8, letter: u8, bit: i32| if flag == letter { bit as u32 } else { 0 };
    Some(Mapping {
        start,
        end,
        protection: bit(r, b'r', libc::PROT_READ)
            | bit(w, b'w', libc::PROT_WRITE)
            | bit(x, b'x', libc::PROT_EXEC),
        shared: sharing == b's',
        offset,
        file: (inode != 0).then_some(FileIdentity { device: major << 32 | minor, inode }),
        name,
    })
}

fn take_until<'a>(rest: &mut &'a [u8], delimiter: u8) -> Option<&'a [u8]> {
    let at = rest.iter().position(|&byte| byte == delimiter)?;
    let (taken, left) = (&rest[..at], &rest[at + 1..]);
    *rest = left;
    Some(taken)
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    number(digits, 16)
}

fn decimal(digits: &[u8]) -> Option<u64> {
    number(digits, 10)
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &digit| {
        let digit = (digit as char).to_digit(radix)?;
        value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_kind_are_read() {
        let text = b"\
55d0a000-55d0b000 r--p 00001000 08:02 1835045                 /usr/bin/a file (deleted)
7f00000000-7f00001000 rw-p 00000000 00:00 0
7f00001000-7f00002000 ---s 00000000 00:01 77 /memfd:x (deleted)
7ffd1000-7ffd2000 r-xp 00000000 00:00 0                          [vdso]
";
        let all: Vec<_> = parse(text).map(|mapping| mapping.expect("is a line")).collect();
        assert_eq!(all[0].name, b"/usr/bin/a file (deleted)");
        assert_eq!(all[0].file, Some(FileIdentity { device: 8 << 32 | 2, inode: 1_835_045 }));
        assert_eq!((all[0].protection, all[0].offset), (1, 0x1000));
        assert_eq!((all[1].protection, all[1].file, all[1].name), (3, None, &b""[..]));
        assert!(all[2].shared && all[2].protection == 0);
        assert!(all[3].is_vdso() && !all[3].is_stack());
    }

    #[test]
    fn what_is_not_a_line_is_refused() {
        for text in ["x", "1-2 rw-p", "1-2 rw 0 0:0 0", "1-2 rw-p 0 0:0 x", "zz-2 rw-p 0 0:0 0"] {
            assert_eq!(parse(text.as_bytes()).next(), Some(None), "{text}");
        }
    }
}
