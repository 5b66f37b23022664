//! The pages of codes as text: one in full, all as a list, all as Markdown.

use super::codes::{self, Page};
use super::explain::{ended, section};
use crate::plan::wire::Severity;
use std::fmt::Write as _;

/// The last day of the waiver that is shown as an example.
const EXAMPLE_DAY: &str = "2027-06-30";

/// Returns the page of a finding's code or of a rule; none when there is no such code.
pub fn explain_code(code: &str) -> Option<String> {
    codes::page(code).map(explain_page)
}

/// Returns a page in full, for a terminal.
pub fn explain_page(page: &Page) -> String {
    let mut out = format!("{}: {}\n\n", page.code, page.title);
    let one = |text: &str| [text.to_owned()];
    section(&mut out, "What it means", &one(page.meaning));
    section(&mut out, "Why it matters", &one(page.why));
    section(&mut out, "What to do", &one(page.remedy));
    section(&mut out, "How bad", &weights(page));
    section(&mut out, "When it counts", &one(page.applies));
    section(&mut out, "Waiver", &waiver(page));
    let url = page.url.unwrap_or_default();
    section(
        &mut out,
        "Source",
        &[page.source.to_owned(), url.to_owned()],
    );
    ended(out)
}

/// Returns what each severity of a page does to a plan.
fn weights(page: &Page) -> Vec<String> {
    let weights = page.severities.iter().map(|severity| {
        let does = match severity {
            Severity::Mandatory => "nothing waives it, and what it names stays blocked",
            Severity::Blocking => "it holds back what it names until it is mended or waived",
            Severity::Warning => "to be read before approving; it holds nothing back",
            Severity::Note => "good to know; it holds nothing back",
        };
        format!("{}: {does}", word(*severity))
    });
    weights.collect()
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Mandatory => "mandatory",
        Severity::Blocking => "blocking",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Returns `mandatory/warning`.
fn words(page: &Page) -> String {
    let words: Vec<&str> = page.severities.iter().map(|s| word(*s)).collect();
    words.join("/")
}

/// Returns whether a waiver counts, and how it is written.
fn waiver(page: &Page) -> Vec<String> {
    if !page.is_finding() {
        return Vec::new();
    }
    if !page.waivable {
        return vec![if page.severities.contains(&Severity::Mandatory) {
            "None counts: a rule of Kubernetes, EKS or stairway itself would be broken.".to_owned()
        } else {
            "None is needed: it holds nothing back.".to_owned()
        }];
    }
    let mut lines = vec![if page.severities.contains(&Severity::Mandatory) {
        "Counts where the finding is blocking, not where it is mandatory. In the fleet file:"
            .to_owned()
    } else {
        "Counts, from the day it is written to the day it expires. In the fleet file:".to_owned()
    }];
    lines.extend(snippet(page));
    lines
}

/// Returns the waiver as it is written in the fleet file.
fn snippet(page: &Page) -> [String; 7] {
    [
        "  waivers:".to_owned(),
        format!("    - code: {}", page.code),
        "      cluster: openscapes            # a name or a glob".to_owned(),
        "      subject: \"nodegroup core-a\"    # as the finding names it, or a glob".to_owned(),
        "      reason: why it is safe, in a sentence".to_owned(),
        "      owner: who answers for it".to_owned(),
        format!("      expires: {EXAMPLE_DAY}            # from this day on it blocks again"),
    ]
}

/// Returns every code with its severities and its title, one to a line.
pub fn codes_table() -> String {
    let width = |text: fn(&Page) -> usize| codes::pages().map(text).max().unwrap_or(0);
    let (code, severity) = (width(|p| p.code.len()), width(|p| words(p).len()));
    let mut out = String::from("RULES\n");
    for page in codes::pages().filter(|page| !page.is_finding()) {
        let _ = writeln!(out, "{:code$}  {}", page.code, page.title);
    }
    let _ = writeln!(
        out,
        "\n{:code$}  {:severity$}  TITLE",
        "FINDINGS", "SEVERITY"
    );
    for page in codes::pages().filter(|page| page.is_finding()) {
        let words = words(page);
        let _ = writeln!(
            out,
            "{:code$}  {words:severity$}  {}",
            page.code, page.title
        );
    }
    out
}

/// Returns every page as one Markdown document.
pub fn codes_markdown() -> String {
    let mut out = String::from("# Rules and findings of stairway\n");
    for (title, findings) in [("Rules", false), ("Findings", true)] {
        let _ = write!(out, "\n## {title}\n\n");
        let list = || codes::pages().filter(move |page| page.is_finding() == findings);
        for page in list() {
            let anchor = page.code.to_lowercase();
            let words = words(page);
            let words = if words.is_empty() {
                words
            } else {
                format!(" ({words})")
            };
            let _ = writeln!(out, "- [{}](#{anchor}){words}: {}", page.code, page.title);
        }
        for page in list() {
            let _ = write!(out, "\n{}", page_markdown(page));
        }
    }
    out
}

/// Returns one page as Markdown; its code alone is the heading, so that `#stw-…` leads to it.
pub fn page_markdown(page: &Page) -> String {
    let mut out = format!("### {}\n\n**{}**\n", page.code, page.title);
    let mut part = |title: &str, text: &str| {
        if !text.is_empty() {
            let _ = write!(out, "\n{title}: {text}\n");
        }
    };
    part("What it means", page.meaning);
    part("Why it matters", page.why);
    part("What to do", page.remedy);
    part("Severity", &weights(page).join(". "));
    part("When it counts", page.applies);
    let waiver = waiver(page);
    part("Waiver", waiver.first().map_or("", String::as_str));
    if page.waivable {
        let lines = snippet(page);
        let lines = lines.iter().map(|line| line.get(2..).unwrap_or(line));
        let _ = writeln!(
            out,
            "\n```yaml\n{}\n```",
            lines.collect::<Vec<_>>().join("\n")
        );
    }
    let source = page.url.map_or_else(
        || page.source.to_owned(),
        |url| format!("[{}]({url})", page.source),
    );
    let _ = write!(out, "\nSource: {source}\n");
    out
}
