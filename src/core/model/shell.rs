//! Words of commands that people copy into a shell.

/// Quotes a word for a POSIX shell, when it needs quotes.
pub fn shell_word(word: &str) -> String {
    let harmless = |sign: char| sign.is_ascii_alphanumeric() || "-_./:=@,+%".contains(sign);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn a_word_stays_one_word_in_a_shell() {
        let table = [
            ("a plain name", "deployment/hub-1.2", "deployment/hub-1.2"),
            ("nothing at all", "", "''"),
            ("a second command", "a; rm -rf /", "'a; rm -rf /'"),
            ("a quote", "a'b", r"'a'\''b'"),
            ("a variable", "$HOME", "'$HOME'"),
        ];
        for (sentence, word, wanted) in table {
            assert_eq!(shell_word(word), wanted, "{sentence}");
        }
    }
}
