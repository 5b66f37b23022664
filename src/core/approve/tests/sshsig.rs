//! Against what `ssh-keygen` wrote. Running it is left to the integration tests.

use super::*;
use proptest::prelude::*;

const STATEMENT: &[u8] = include_bytes!("../../../../testdata/approvals/statement.json");
const BY_ANN: &str = include_str!("../../../../testdata/approvals/statement.ann.sig");
const BY_ANN_SHA256: &str = include_str!("../../../../testdata/approvals/statement.ann.sha256.sig");
const BY_EVE: &str = include_str!("../../../../testdata/approvals/statement.eve-p256.sig");
const BY_RSA: &str = include_str!("../../../../testdata/approvals/statement.rsa.sig");
const ELSEWHERE: &str =
    include_str!("../../../../testdata/approvals/statement.ann.other-namespace.sig");

#[test]
fn our_signature_is_the_one_of_ssh_keygen_byte_for_byte() {
    let statement = Statement::read(STATEMENT).unwrap();
    assert_eq!(statement.bytes(), STATEMENT);
    let signed = Signed::sign(statement, &key(ANN)).unwrap();
    assert_eq!(signed.bytes(), STATEMENT);
    assert_eq!(signed.armored(), BY_ANN);
}

#[test]
fn signatures_of_ssh_keygen_are_taken() {
    for (armored, by) in [(BY_ANN, ANN), (BY_ANN_SHA256, ANN), (BY_EVE, EVE)] {
        let signed = Signed::read(STATEMENT.to_vec(), armored.as_bytes()).unwrap();
        assert_eq!(*signed.key(), public(by));
        assert!(signed.signature().covers(STATEMENT), "{armored}");
        assert_eq!(signed.armored(), armored);
        let windows = armored.replace('\n', "\r\n");
        let same = Signature::read(windows.as_bytes()).unwrap();
        assert_eq!(same, *signed.signature());
    }
}

#[test]
fn our_own_signatures_hold_for_every_kind_of_key() {
    for text in [ANN, BOB, EVE] {
        let signature = key(text).sign(STATEMENT).unwrap();
        assert!(signature.covers(STATEMENT));
        let again = Signature::read(signature.armored().as_bytes()).unwrap();
        assert_eq!(again, signature);
    }
}

#[test]
fn a_signature_covers_one_message_in_one_namespace() {
    let signature = Signature::read(BY_ANN.as_bytes()).unwrap();
    for index in 0..STATEMENT.len() {
        let mut changed = STATEMENT.to_vec();
        changed[index] ^= 1;
        assert!(!signature.covers(&changed), "byte {index}");
    }
    let elsewhere = Signature::read(ELSEWHERE.as_bytes()).unwrap();
    assert_eq!(elsewhere.namespace(), "file");
    assert!(!elsewhere.covers(STATEMENT));
    assert!(
        !key(ANN)
            .sign_in("file", STATEMENT)
            .unwrap()
            .covers(STATEMENT)
    );
}

#[test]
fn a_kind_of_key_that_is_not_built_in_is_told_and_never_right() {
    let signature = Signature::read(BY_RSA.as_bytes()).unwrap();
    assert!(!signature.key().is_supported());
    assert_eq!(signature.key().kind(), "ssh-rsa");
    assert!(!signature.covers(STATEMENT));
    let rsa = include_str!("../../../../testdata/approvals/test-only-rsa.key");
    let error = SigningKey::read(rsa.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "keys of type `ssh-rsa` cannot sign here");
}

#[test]
fn keys_that_cannot_sign_say_why() {
    let locked = include_bytes!("../../../../testdata/approvals/test-only-locked.key");
    assert_eq!(SigningKey::read(locked).unwrap_err(), KeyError::Encrypted);
    // Its public half is not hidden.
    assert!(SigningKey::public_half(locked).is_ok());
    let error = SigningKey::read(line_of(ANN).as_bytes()).unwrap_err();
    assert_eq!(error, KeyError::Public);
    assert_eq!(
        SigningKey::public_half(line_of(ANN).as_bytes()).unwrap(),
        public(ANN)
    );
    for text in [
        "",
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "\u{feff}",
        &ANN[..100],
    ] {
        let error = SigningKey::read(text.as_bytes()).unwrap_err();
        assert!(matches!(error, KeyError::NotAKey { .. }), "{text}: {error}");
        assert!(SigningKey::public_half(text.as_bytes()).is_err());
    }
}

#[test]
fn private_keys_are_never_shown() {
    let shown = format!("{:?}", key(ANN));
    assert_eq!(
        shown,
        format!("the private half of {}", public(ANN).fingerprint())
    );
    assert!(public(ANN).fingerprint().starts_with("SHA256:"));
}

#[test]
fn statements_are_read_from_their_canonical_bytes_only() {
    let text = String::from_utf8(STATEMENT.to_vec()).unwrap();
    let rows = [
        (format!("{text}\n"), "canonical"),
        (text.replace("\":", "\": "), "canonical"),
        (
            text.replace("2026-11-20T12:00:00Z", "2026-11-20T12:00:00.5Z"),
            "canonical",
        ),
        (
            text.replace("\"signer\"", "\"more\":1,\"signer\""),
            "unknown field",
        ),
        (
            text.replace("\"signer\"", "\"kind\":\"Approval\",\"signer\""),
            "duplicate field",
        ),
        (
            text.replace("version\":1", "version\":2"),
            "statement format 2",
        ),
        (text.replace("Approval", "Blessing"), "unknown variant"),
        (text.replace("000102", "../../"), "32 lower-case hex digits"),
        (text.replace("000102", "00010A"), "32 lower-case hex digits"),
        (text.replace("ann@example.org", ""), "signer's name"),
        (
            text.replace("ann@example.org", "\\u001b[2J"),
            "signer's name",
        ),
        (text.replace("sha256:0", "md5:0"), "not a digest"),
        (String::new(), "no statement"),
        ("[".repeat(100_000), "no statement"),
    ];
    for (text, said) in rows {
        let error = Statement::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}: {text:.200}");
    }
}

proptest! {
    #[test]
    fn bytes_that_are_no_signature_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Signature::read(&bytes).is_err());
        prop_assert!(SigningKey::read(&bytes).is_err());
        prop_assert!(Statement::read(&bytes).is_err());
    }

    #[test]
    fn a_changed_signature_is_no_signature(index in 0..BY_ANN.len(), byte in 0x20..0x7f_u8) {
        let mut bytes = BY_ANN.as_bytes().to_vec();
        prop_assume!(bytes[index] != byte);
        bytes[index] = byte;
        if let Ok(signature) = Signature::read(&bytes) {
            prop_assert!(!signature.covers(STATEMENT) || signature.armored() == BY_ANN);
        }
    }
}
