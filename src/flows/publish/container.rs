//! The file in which a server keeps one share: its fields, and the writes that make or change it.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 32 | magic |
//! | 32 | 20 | id of the server that made it |
//! | 52 | 32 | write enabler |
//! | 84 | 8 | data length |
//! | 92 | 8 | where the extra leases begin: behind the data |
//! | 100 | 4 × 92 | leases: owner, expiry, renew secret, cancel secret, id of the server |
//! | 468 | data length | the share |
//! | 468 + data length | 4 | number of extra leases, always 0 here |
//!
//! The release changes a container in place, one field after the other, and syncs nothing. A container only grows: a
//! shorter share leaves the data length and stale bytes as they are.

use super::keys::{ServerKey, WriteEnabler};
use super::storage::Secrets;

/// The first bytes of every container.
pub const MAGIC: &[u8; 32] = b"seedbed mutable share container\n";
/// Length of the fields a server has to read to make anything of the file.
pub const HEADER_LENGTH: usize = 100;
/// Where the data begins, and the leases end.
pub const DATA_OFFSET: u64 = 468;
/// Length of one lease.
pub const LEASE_LENGTH: usize = 92;
/// Where the write enabler begins.
const WRITE_ENABLER_AT: usize = 52;
/// Where the data length is.
pub const DATA_LENGTH_AT: u64 = 84;
/// Where it says where the extra leases begin.
pub const LEASES_OFFSET_AT: u64 = 92;
/// How long a lease lasts: 31 days.
const LEASE_SECONDS: u64 = 31 * 24 * 60 * 60;

/// The header of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who may change the slot.
    pub write_enabler: WriteEnabler,
    /// Bytes of the share, as the container claims.
    pub data_length: u64,
    /// Where the extra leases begin: the container's end, but for them.
    pub leases_offset: u64,
}

impl Header {
    /// Of a container without a share in it.
    #[must_use]
    pub fn empty(write_enabler: WriteEnabler) -> Header {
        Header { write_enabler, data_length: 0, leases_offset: DATA_OFFSET }
    }

    /// Reads it; `None`: these bytes do not begin a container.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER_LENGTH)?;
        let number = |at: u64| bytes[at as usize..at as usize + 8].try_into().map(u64::from_be_bytes).ok();
        bytes.starts_with(MAGIC).then_some(Header {
            write_enabler: bytes[WRITE_ENABLER_AT..WRITE_ENABLER_AT + 32].try_into().ok()?,
            data_length: number(DATA_LENGTH_AT)?,
            leases_offset: number(LEASES_OFFSET_AT)?,
        })
    }

    /// The header with four empty leases behind it: the first thing that is written to a new container.
    #[must_use]
    pub fn pack(&self, server: &ServerKey) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(DATA_OFFSET as usize);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(server);
        bytes.extend_from_slice(&self.write_enabler);
        bytes.extend_from_slice(&self.data_length.to_be_bytes());
        bytes.extend_from_slice(&self.leases_offset.to_be_bytes());
        bytes.resize(DATA_OFFSET as usize, 0);
        bytes
    }
}

/// The bytes of a lease on a share.
#[must_use]
pub fn lease(secrets: &Secrets, server: &ServerKey, now_s: u64) -> [u8; LEASE_LENGTH] {
    let mut bytes = [0; LEASE_LENGTH];
    bytes[..4].copy_from_slice(&1_u32.to_be_bytes());
    bytes[4..8].copy_from_slice(&((now_s + LEASE_SECONDS) as u32).to_be_bytes());
    bytes[8..40].copy_from_slice(&secrets.lease_renew);
    bytes[40..72].copy_from_slice(&secrets.lease_cancel);
    bytes[72..].copy_from_slice(server);
    bytes
}

/// A whole container, with one lease.
#[must_use]
pub fn pack(server: &ServerKey, write_enabler: WriteEnabler, lease: &[u8; LEASE_LENGTH], data: &[u8]) -> Vec<u8> {
    let data_length = data.len() as u64;
    let mut bytes = Header { write_enabler, data_length, leases_offset: DATA_OFFSET + data_length }.pack(server);
    bytes[HEADER_LENGTH..HEADER_LENGTH + LEASE_LENGTH].copy_from_slice(lease);
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// Header and share of the container in these bytes; `None`: it is none. What the header claims and is not there is
/// left out.
#[must_use]
pub fn unpack(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let header = Header::parse(bytes)?;
    let data = bytes.get(DATA_OFFSET as usize..).unwrap_or(&[]);
    let length = usize::try_from(header.data_length).unwrap_or(usize::MAX).min(data.len());
    Some((header, &data[..length]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::publish::keys::server_key;

    const SECRETS: Secrets = Secrets { write_enabler: [7; 32], lease_renew: [1; 32], lease_cancel: [2; 32] };

    #[test]
    fn the_fields_are_where_the_table_says() {
        let server = server_key("s1");
        let bytes = pack(&server, [7; 32], &lease(&SECRETS, &server, 0), b"a share");
        assert_eq!(&bytes[32..52], server);
        assert_eq!(bytes[52..84], [7; 32]);
        assert_eq!(bytes[84..92], 7_u64.to_be_bytes());
        assert_eq!(bytes[92..100], 475_u64.to_be_bytes());
        assert_eq!(&bytes[100 + 72..192], server);
        assert_eq!(bytes[192..468], [0; 276]);
        assert_eq!(&bytes[468..475], b"a share");
        assert_eq!(bytes.len(), 479);
        let header = Header { write_enabler: [7; 32], data_length: 7, leases_offset: 475 };
        assert_eq!(unpack(&bytes), Some((header, &b"a share"[..])));
    }

    #[test]
    fn a_file_shorter_than_the_header_is_no_container_and_one_without_its_data_is() {
        let server = server_key("s1");
        let bytes = pack(&server, [7; 32], &lease(&SECRETS, &server, 0), b"a share");
        assert_eq!(unpack(&bytes[..99]), None);
        assert_eq!(unpack(&bytes[..100]).unwrap().1, b"");
        assert_eq!(unpack(&bytes[..470]).unwrap().1, b"a ");
        let mut other = bytes;
        other[0] ^= 1;
        assert_eq!(unpack(&other), None);
    }
}
