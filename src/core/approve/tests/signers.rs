//! `allowed_signers` as ssh-keygen(1) describes it.

use super::*;
use crate::approve::signers::NotAllowed;
use proptest::prelude::*;

fn signers(text: &str) -> AllowedSigners {
    AllowedSigners::read(text).unwrap()
}

fn may(text: &str, principal: &str) -> Result<(), NotAllowed> {
    signers(text).check(principal, &public(ANN), &[now()])
}

#[test]
fn principals_are_patterns() {
    let ann = line_of(ANN);
    let rows = [
        ("ann@example.org", "ann@example.org", true),
        ("ann@example.org", "Ann@example.org", false),
        ("ann@example.org", "ann@example.or", false),
        ("bob@example.org,ann@example.org", "ann@example.org", true),
        ("*@example.org", "ann@example.org", true),
        ("???@example.org", "ann@example.org", true),
        ("????@example.org", "ann@example.org", false),
        ("*@example.org,!ann@example.org", "ann@example.org", false),
        ("!ann@example.org,*@example.org", "bob@example.org", true),
        ("*", "", true),
        ("\"ann smith\"", "ann smith", true),
        ("\"ann@example.org\"", "ann@example.org", true),
        ("[a-z]nn", "ann", false),
    ];
    for (patterns, principal, expected) in rows {
        let allowed = may(&format!("{patterns} {ann}"), principal).is_ok();
        assert_eq!(allowed, expected, "`{patterns}` for `{principal}`");
    }
    let other = format!("ann@example.org {}", line_of(BOB));
    assert_eq!(may(&other, "ann@example.org"), Err(NotAllowed::Unlisted));
}

#[test]
fn options_narrow_a_line() {
    let ann = line_of(ANN);
    let day = Err(NotAllowed::NotValid(now()));
    let rows = [
        ("namespaces=\"stairway-plan\"", Ok(())),
        ("NAMESPACES=\"git,stairway-*\"", Ok(())),
        ("namespaces=\"git,file\"", Err(NotAllowed::Namespace)),
        (
            "namespaces=\"*,!stairway-plan\"",
            Err(NotAllowed::Namespace),
        ),
        ("valid-after=\"20261120Z\"", Ok(())),
        ("valid-after=\"202611201200Z\"", Ok(())),
        ("valid-after=\"20261120120001Z\"", day),
        ("valid-after=\"20261120120001\"", day),
        ("valid-before=\"20261120120000Z\"", Ok(())),
        ("valid-before=\"20261120115959Z\"", day),
        ("valid-before=\"20261120\"", day),
        (
            "valid-after=\"20260101Z\",valid-before=\"20270101Z\",namespaces=\"*\"",
            Ok(()),
        ),
    ];
    for (options, expected) in rows {
        assert_eq!(
            may(&format!("ann {options} {ann}"), "ann"),
            expected,
            "{options}"
        );
    }
    // Another line may still allow it.
    let two = format!("ann namespaces=\"git\" {ann}ann valid-before=\"20200101Z\" {ann}ann {ann}");
    assert_eq!(may(&two, "ann"), Ok(()));
    // All of the times must be in one line's.
    let early = signers(&format!("ann valid-after=\"20261120Z\" {ann}"));
    let times = [later(-24 * HOUR), now()];
    let verdict = early.check("ann", &public(ANN), &times);
    assert_eq!(verdict, Err(NotAllowed::NotValid(times[0])));
}

#[test]
fn comments_blank_lines_and_blanks_mean_nothing() {
    let ann = line_of(ANN).trim();
    let text = format!(
        "# who\r\n\r\n \t# more\n   \tann\t{}  \r\n\n",
        ann.replace(' ', " \t ")
    );
    assert_eq!(may(&text, "ann"), Ok(()));
    assert!(signers("\n# nobody\n").is_empty());
    assert!(signers("").is_empty());
}

#[test]
fn keys_know_their_principals() {
    let (ann, bob) = (line_of(ANN), line_of(BOB));
    let all = signers(&format!("b@x,a@x,!c@x,*@y {ann}z@x {bob}a@x {ann}"));
    assert_eq!(all.principals_of(&public(ANN)), ["a@x", "b@x"]);
    assert_eq!(all.principals_of(&public(BOB)), ["z@x"]);
    assert!(all.principals_of(&public(EVE)).is_empty());
    assert!(all.lists(&public(ANN)) && !all.lists(&public(EVE)));
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_line() {
    let ann = line_of(ANN).trim();
    let rows = [
        ("ann".to_owned(), "no key"),
        (
            "ann ssh-ed25519".to_owned(),
            "`ssh-ed25519` key cannot be read",
        ),
        ("ann ssh-ed25519 AAAA".to_owned(), "cannot be read"),
        ("ann ssh-ed25519 ????".to_owned(), "cannot be read"),
        (
            format!("*@example.org cert-authority {ann}"),
            "`cert-authority` is not supported",
        ),
        (
            format!("ann namespaces=\"git\",CERT-AUTHORITY {ann}"),
            "`cert-authority`",
        ),
        (format!("ann namespaces=git {ann}"), "not in quotes"),
        (format!("ann namespaces=\"git {ann}"), "not closed"),
        (
            format!("ann namespaces=\"a\",namespaces=\"b\" {ann}"),
            "given twice",
        ),
        (format!("ann namespaces=\"\" {ann}"), "empty pattern"),
        (
            format!("ann namespaces=\"a\", {ann}"),
            "follows `namespaces`",
        ),
        (
            format!("ann namespaces=\"a\"x {ann}"),
            "follows `namespaces`",
        ),
        (
            format!("ann no-touch-required {ann}"),
            "`no-touch-required` is neither",
        ),
        (
            format!("ann valid-after=\"tomorrow\" {ann}"),
            "is not a time",
        ),
        (
            format!("ann valid-after=\"20261301Z\" {ann}"),
            "is not a time",
        ),
        (
            format!("ann valid-after=\"2026112012Z\" {ann}"),
            "is not a time",
        ),
        (
            format!("ann valid-after=\"20270101Z\",valid-before=\"20260101Z\" {ann}"),
            "not later",
        ),
        ("ann valid-after=\"20260101Z\"".to_owned(), "no key after"),
        (
            "ann valid-after=\"20260101Z\" key".to_owned(),
            "cannot be read",
        ),
        (format!(",ann {ann}"), "empty pattern"),
        (format!("!ann {ann}"), "names nobody"),
        (format!("\"ann {ann}"), "not closed"),
        (format!("\"ann\"bob {ann}"), "without a blank"),
        (format!("a\"nn\" {ann}"), "quote in the middle"),
    ];
    for (line, said) in rows {
        let error = AllowedSigners::read(&format!("# one\n\n{line}\n")).unwrap_err();
        assert_eq!(error.line, 3, "{line}");
        assert!(error.why.contains(said), "{error}: {line}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}", principal in "\\PC{0,20}") {
        if let Ok(signers) = AllowedSigners::read(&text) {
            prop_assert!(signers.check(&principal, &public(ANN), &[now()]).is_err());
        }
    }

    #[test]
    fn any_options_are_read_or_refused(
        principals in "[a!*?,\" \t]{0,12}",
        options in "(namespaces|valid-after|valid-before|cert-authority|x)?=?[\"\\\\, =0-9Za-z*!]{0,40}",
    ) {
        let text = format!("{principals} {options} {}", line_of(ANN));
        if let Ok(signers) = AllowedSigners::read(&text) {
            let _ = signers.check("a", &public(ANN), &[now()]);
            let _ = signers.principals_of(&public(ANN));
        }
    }
}
