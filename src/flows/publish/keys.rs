//! Everything that is derived from a file's seed: signing key, storage index, write enablers, lease secrets.
//!
//! The chain runs one way: seed → write key → read key → storage index, and the write key with a server's id
//! gives that server's write enabler. ed25519 stands in for RSA-2048; the private key is not stored in shares.

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};

use super::merkle::{Hash, tagged_hash, tagged_pair_hash};

/// The name of a mutable file's slot on every server.
pub type StorageIndex = [u8; 16];
/// A server's permanent id.
pub type ServerKey = [u8; 20];
/// A shared secret of the writers and one server: nobody else may change the slot.
pub type WriteEnabler = [u8; 32];

/// The keys of one mutable file.
#[derive(Clone, Debug)]
pub struct FileKeys {
    signing: SigningKey,
    write_key: [u8; 16],
    read_key: [u8; 16],
    storage_index: StorageIndex,
}

impl FileKeys {
    /// Derives everything from 32 bytes.
    #[must_use]
    pub fn derive(seed: &[u8; 32]) -> FileKeys {
        let signing = SigningKey::from_bytes(seed);
        let write_key = truncated(tagged_hash("seedbed-publish-write-key-v1", seed));
        let read_key = truncated(tagged_hash("seedbed-publish-read-key-v1", &write_key));
        let storage_index = truncated(tagged_hash("seedbed-publish-storage-index-v1", &read_key));
        FileKeys { signing, write_key, read_key, storage_index }
    }

    /// The slot's name.
    #[must_use]
    pub fn storage_index(&self) -> StorageIndex {
        self.storage_index
    }

    /// The public key's bytes, as they stand in every share.
    #[must_use]
    pub fn verification_key(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    /// Signs a version's prefix.
    #[must_use]
    pub fn sign(&self, prefix: &[u8]) -> Vec<u8> {
        self.signing.sign(prefix).to_bytes().to_vec()
    }

    /// Whether `signature` is this file's signature over `prefix`.
    #[must_use]
    pub fn verifies(&self, prefix: &[u8], signature: &[u8]) -> bool {
        let key: VerifyingKey = self.signing.verifying_key();
        Signature::from_slice(signature).is_ok_and(|signature| key.verify(prefix, &signature).is_ok())
    }

    /// The write enabler of one server.
    #[must_use]
    pub fn write_enabler(&self, server: &ServerKey) -> WriteEnabler {
        let master = tagged_hash("seedbed-publish-write-enabler-master-v1", &self.write_key);
        tagged_pair_hash("seedbed-publish-write-enabler-v1", &master, server)
    }

    /// The lease secrets for one server: (renew, cancel).
    #[must_use]
    pub fn lease_secrets(&self, server: &ServerKey) -> (Hash, Hash) {
        (
            tagged_pair_hash("seedbed-publish-lease-renew-v1", &self.write_key, server),
            tagged_pair_hash("seedbed-publish-lease-cancel-v1", &self.write_key, server),
        )
    }

    /// Makes plain text unreadable without the read key, and back: XOR with a key stream of read key and salt.
    /// It stands in for AES-CTR; what matters here is that equal texts under two salts differ.
    #[must_use]
    pub fn mask(&self, salt: &[u8; 16], text: &[u8]) -> Vec<u8> {
        let key = tagged_pair_hash("seedbed-publish-data-key-v1", salt, &self.read_key);
        let mut masked = text.to_vec();
        for (counter, block) in masked.chunks_mut(32).enumerate() {
            let stream = tagged_pair_hash("seedbed-publish-stream-v1", &key, &(counter as u64).to_be_bytes());
            block.iter_mut().zip(stream).for_each(|(byte, mask)| *byte ^= mask);
        }
        masked
    }
}

/// A server's id, from its name.
#[must_use]
pub fn server_key(name: &str) -> ServerKey {
    let hash = tagged_hash("seedbed-publish-server-v1", name.as_bytes());
    hash[..20].try_into().expect("20 of 32 bytes")
}

fn truncated(hash: Hash) -> [u8; 16] {
    hash[..16].try_into().expect("16 of 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_file_and_a_signature_of_another_file_does_not_verify() {
        let (a, again, b) = (FileKeys::derive(&[1; 32]), FileKeys::derive(&[1; 32]), FileKeys::derive(&[2; 32]));
        assert_eq!(a.storage_index(), again.storage_index());
        assert_ne!(a.storage_index(), b.storage_index());
        let signature = a.sign(b"prefix");
        assert!(again.verifies(b"prefix", &signature));
        assert!(!again.verifies(b"prefiy", &signature));
        assert!(!b.verifies(b"prefix", &signature));
        assert!(!a.verifies(b"prefix", &signature[..63]));
    }

    #[test]
    fn secrets_differ_between_servers_and_between_files() {
        let (a, b) = (FileKeys::derive(&[1; 32]), FileKeys::derive(&[2; 32]));
        let (s1, s2) = (server_key("s1"), server_key("s2"));
        assert_ne!(a.write_enabler(&s1), a.write_enabler(&s2));
        assert_ne!(a.write_enabler(&s1), b.write_enabler(&s1));
        assert_ne!(a.lease_secrets(&s1).0, a.lease_secrets(&s1).1);
    }

    #[test]
    fn a_mask_undoes_itself_and_depends_on_the_salt() {
        let keys = FileKeys::derive(&[1; 32]);
        let text = [5; 70];
        let masked = keys.mask(&[0; 16], &text);
        assert_ne!(masked, text);
        assert_ne!(masked, keys.mask(&[1; 16], &text));
        assert_eq!(keys.mask(&[0; 16], &masked), text);
    }
}
