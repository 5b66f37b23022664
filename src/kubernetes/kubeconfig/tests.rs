//! What a kubeconfig may say, row by row, and what is refused by name.

use super::*;
use crate::files::TemporaryDir;

/// Stands for every credential; no message may have it.
const CANARY: &str = "c4n4ry-kubeconfig";
/// The least that has the frame of a certificate: a sequence of one number.
const TINY: &str = "MAMCAQU=";
const PLAIN: &str = "server: https://10.0.0.1:6443";

/// Where a test's kubeconfig is.
struct Scene {
    folder: TemporaryDir,
}

impl Scene {
    fn new() -> Self {
        Self {
            folder: TemporaryDir::create().expect("a folder"),
        }
    }

    fn path(&self, inner: &str) -> PathBuf {
        self.folder.path().join(inner)
    }

    fn put(&self, inner: &str, text: &str) -> PathBuf {
        let path = self.path(inner);
        files::write_atomic(&path, text.as_bytes()).expect("written");
        path
    }

    fn named(&self, inner: &str) -> KubeconfigSource {
        KubeconfigSource {
            named: Some(self.path(inner)),
            own: Vec::new(),
            planned: Some(self.path("repository")),
        }
    }

    fn read(&self, text: &str) -> Result<Access, KubeconfigError> {
        self.put("config", text);
        read_kubeconfig("prod", &self.named("config"))
    }
}

/// A kubeconfig with the context `prod`, by a cluster and a user of these lines.
fn file(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: other\n\
         contexts:\n- name: prod\n  context: {{cluster: c, user: u}}\n- name: other\n  context: {{cluster: gone, user: gone}}\n\
         clusters:\n- name: c\n  cluster: {{{cluster}}}\nusers:\n- name: u\n  user: {{{user}}}\n"
    )
}

fn exec(command: &str, args: &str, env: &str) -> String {
    file(
        PLAIN,
        &format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1beta1, command: {command}, args: [{args}], env: [{env}]}}"
        ),
    )
}

fn pem(inner: &str) -> String {
    STANDARD.encode(format!(
        "-----BEGIN CERTIFICATE-----\n{inner}\n-----END CERTIFICATE-----\n"
    ))
}

#[test]
fn a_context_is_taken_by_its_name_and_the_current_one_is_not_looked_at() {
    let scene = Scene::new();
    let token = format!("token: {CANARY}");
    let access = scene
        .read(&file(&format!("{PLAIN}/"), &token))
        .expect("read");
    assert_eq!(access.endpoint, "https://10.0.0.1:6443");
    assert_eq!(access.context, "prod");
    assert!(matches!(&access.credentials, Credentials::Token(token) if token.reveal() == CANARY));
    assert!(!format!("{access:?}").contains(CANARY), "{access:?}");

    let missing = read_kubeconfig("prof", &scene.named("config")).expect_err("no such context");
    assert_eq!(
        missing.to_string(),
        "Reading context `prof` of the kubeconfig failed: there is no such context"
    );
    assert_eq!(missing.hint.as_deref(), Some("name one of: prod, other"));
    let broken = read_kubeconfig("other", &scene.named("config")).expect_err("half a context");
    assert!(
        broken.why.contains("there is no cluster `gone`"),
        "{broken}"
    );
}

#[test]
fn of_the_users_files_the_first_with_the_context_counts_and_missing_ones_are_none() {
    let scene = Scene::new();
    let one = scene.put("one", &file(PLAIN, "token: a").replace("prod", "staging"));
    let two = scene.put("two", &file("server: https://10.0.0.2:6443", "token: b"));
    let source = KubeconfigSource {
        named: None,
        own: vec![scene.path("gone"), one, two],
        planned: None,
    };
    let access = read_kubeconfig("prod", &source).expect("in the second file");
    assert_eq!(access.endpoint, "https://10.0.0.2:6443");
    let error = read_kubeconfig("nope", &source).expect_err("in neither");
    let hint = error.hint.unwrap_or_default();
    assert!(hint.contains("staging") && hint.contains("prod"), "{hint}");
    let none = read_kubeconfig("prod", &KubeconfigSource::default()).expect_err("no file");
    assert!(
        none.hint
            .unwrap_or_default()
            .contains("aws eks update-kubeconfig")
    );
}

#[test]
fn the_plugin_of_eks_is_taken_with_its_region_profile_and_role() {
    let scene = Scene::new();
    let args = "--region, eu-west-1, eks, get-token, --cluster-name, harbor, --role-arn=arn:aws:iam::111122223333:role/plan, --output, json";
    let env =
        "{name: AWS_PROFILE, value: ops}, {name: AWS_STS_REGIONAL_ENDPOINTS, value: regional}";
    let access = scene.read(&exec("aws", args, env)).expect("read");
    let Credentials::Plugin { argv, env } = access.credentials else {
        panic!("{access:?}");
    };
    assert_eq!(argv.join(", "), args);
    assert_eq!(env[0], ("AWS_PROFILE".to_owned(), "ops".to_owned()));
    assert_eq!(env.len(), 2);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn every_other_plugin_argument_and_variable_is_refused_by_name() {
    let get = "eks, get-token, --cluster-name, harbor";
    let rows: [(&str, String, &str); 15] = [
        (
            "another program",
            exec("gke-gcloud-auth-plugin", "", ""),
            "`gke-gcloud-auth-plugin`",
        ),
        (
            "a program by its path",
            exec("/usr/bin/aws", get, ""),
            "`/usr/bin/aws`",
        ),
        ("a program in the folder", exec("./aws", get, ""), "`./aws`"),
        (
            "aws-iam-authenticator",
            exec("aws-iam-authenticator", "token, -i, harbor", ""),
            "`aws-iam-authenticator`",
        ),
        ("a shell", exec("sh", "-c, curl", ""), "`sh`"),
        (
            "no program",
            file(PLAIN, "exec: {args: [eks]}"),
            "the plugin ``",
        ),
        (
            "another service",
            exec("aws", "sts, get-caller-identity", ""),
            "`aws sts get-caller-identity`",
        ),
        (
            "another command",
            exec("aws", "eks, update-kubeconfig", ""),
            "`aws eks update-kubeconfig`",
        ),
        (
            "one word more",
            exec("aws", "eks, get-token, now", ""),
            "`aws eks get-token now`",
        ),
        (
            "an endpoint",
            exec(
                "aws",
                &format!("{get}, --endpoint-url, https://evil.example"),
                "",
            ),
            "`--endpoint-url`",
        ),
        (
            "an endpoint in one word",
            exec(
                "aws",
                &format!("{get}, --endpoint-url=https://evil.example"),
                "",
            ),
            "`--endpoint-url=https://evil.example`",
        ),
        (
            "no verification",
            exec("aws", &format!("{get}, --no-verify-ssl"), ""),
            "`--no-verify-ssl`",
        ),
        (
            "an option without its value",
            exec("aws", "eks, get-token, --region, --profile, x", ""),
            "`--region`",
        ),
        (
            "a variable that names a program",
            exec("aws", get, "{name: PATH, value: /tmp}"),
            "`PATH`",
        ),
        (
            "a variable that names a file",
            exec("aws", get, "{name: AWS_CONFIG_FILE, value: x}"),
            "`AWS_CONFIG_FILE`",
        ),
    ];
    let scene = Scene::new();
    for (says, text, words) in rows {
        let error = scene.read(&text).expect_err(says);
        assert!(error.why.contains(words), "{says}: {error}");
        let hint = error.hint.unwrap_or_default();
        assert!(
            hint.contains("`aws eks update-kubeconfig"),
            "{says}: {hint}"
        );
    }
    let number = scene
        .read(&exec("aws", "eks, get-token, 5", ""))
        .expect_err("a number");
    assert!(number.why.contains("is no text"), "{number}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn what_would_show_a_credential_to_somebody_else_is_refused() {
    let token = format!("token: {CANARY}");
    let cluster = |more: &str| file(&format!("{PLAIN}, {more}"), &token);
    let server = |server: &str| file(&format!("server: '{server}'"), &token);
    let user = |user: &str| file(PLAIN, user);
    let clear = |user: &str| file("server: 'http://127.0.0.1:8080'", user);
    let rows: [(&str, String, &str); 28] = [
        (
            "a token over loopback in the clear",
            clear(&token),
            "is not https, and its user `u` has credentials",
        ),
        (
            "a token of a file over loopback in the clear",
            clear("tokenFile: run/token"),
            "has credentials",
        ),
        (
            "a token of the plugin over loopback in the clear",
            clear("exec: {command: aws, args: [eks, get-token, --cluster-name, c]}"),
            "has credentials",
        ),
        (
            "a certificate over loopback in the clear",
            clear(&format!(
                "client-certificate-data: {}, client-key-data: {}",
                STANDARD.encode("cert"),
                STANDARD.encode(CANARY)
            )),
            "has credentials",
        ),
        (
            "no verification",
            cluster("insecure-skip-tls-verify: true"),
            "insecure-skip-tls-verify",
        ),
        (
            "a proxy",
            cluster("proxy-url: http://proxy.example"),
            "`proxy-url` is not supported",
        ),
        (
            "http to elsewhere",
            server("http://10.0.0.1:8080"),
            "is not https",
        ),
        (
            "http to a name like loopback",
            server("http://localhost.evil.example:80"),
            "is not https",
        ),
        ("no scheme", server("10.0.0.1:6443"), "is not https"),
        (
            "no server",
            file("tls-server-name: x", &token),
            "has no server",
        ),
        (
            "credentials in the URL",
            server(&format!("https://u:{CANARY}@10.0.0.1")),
            "holds credentials",
        ),
        (
            "the same over http",
            server(&format!("http://u:{CANARY}@10.0.0.1")),
            "holds credentials",
        ),
        (
            "the same, disguised",
            server(&format!("http://127.0.0.1:80@{CANARY}.example")),
            "holds credentials",
        ),
        (
            "an old plugin",
            user("auth-provider: {name: oidc}"),
            "`auth-provider`",
        ),
        (
            "a password",
            user(&format!("username: u, password: {CANARY}")),
            "`username`",
        ),
        (
            "somebody else",
            user(&format!("token: {CANARY}, as: system:admin")),
            "`as`",
        ),
        (
            "a certificate without key",
            user(&format!("client-certificate-data: {}", pem("QQ=="))),
            "one is missing",
        ),
        (
            "a key without certificate",
            user(&format!("client-key-data: {}", STANDARD.encode(CANARY))),
            "one is missing",
        ),
        (
            "a key that is no base64",
            user(&format!(
                "client-certificate-data: QQ==, client-key-data: '{CANARY}!'"
            )),
            "`client-key-data` is no base64",
        ),
        (
            "a key file that is not there",
            user("client-certificate-data: QQ==, client-key: gone.pem"),
            "`client-key`",
        ),
        (
            "an authority that is no base64",
            cluster("certificate-authority-data: '!!'"),
            "`certificate-authority-data` is no base64",
        ),
        (
            "an authority without certificate",
            cluster(&format!(
                "certificate-authority-data: {}",
                STANDARD.encode("no PEM")
            )),
            "holds no certificate",
        ),
        (
            "half an authority",
            cluster(&format!(
                "certificate-authority-data: {}",
                STANDARD.encode("-----BEGIN CERTIFICATE-----\nQQ")
            )),
            "in the middle of a certificate",
        ),
        (
            "an authority of rubbish",
            cluster(&format!("certificate-authority-data: {}", pem("?"))),
            "is no PEM",
        ),
        (
            "an authority whose certificate ends early",
            cluster(&format!("certificate-authority-data: {}", pem("MAQCAQU="))),
            "certificate 1 of the certificate authority cannot be read: 3 of its 4 bytes are there",
        ),
        (
            "an authority that is a key",
            cluster(&format!("certificate-authority-data: {}", pem("BAMCAQU="))),
            "cannot be read: it is no certificate",
        ),
        (
            "an authority that is not there",
            cluster("certificate-authority: gone.pem"),
            "`certificate-authority`",
        ),
        (
            "an authority that is a folder",
            cluster("certificate-authority: ."),
            "`certificate-authority`",
        ),
    ];
    let scene = Scene::new();
    for (says, text, words) in rows {
        let error = scene.read(&text).expect_err(says);
        assert!(error.why.contains(words), "{says}: {error}");
        let all = format!("{error} {:?}", error.hint);
        assert!(!all.contains(CANARY), "{says} is quoted: {all}");
        assert!(
            error.hint.is_some_and(|hint| hint.contains('`')),
            "{says}: no hint tells what to type"
        );
    }
}

#[test]
fn what_cannot_be_read_has_a_hint_that_can_be_typed() {
    let scene = Scene::new();
    files::write_atomic(&scene.path("binary"), &[0xff, 0xfe, 0, 1]).expect("written");
    scene.put("silent", "contexts: [{name: prod, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://10.0.0.1'}}]\nusers: [{name: u}]\n");
    scene.put(
        "proxy",
        &file(&format!("{PLAIN}, proxy-url: http://proxy.example"), ""),
    );
    for (says, inner, typed) in [
        (
            "it is not there",
            "gone",
            "aws eks update-kubeconfig --name NAME --alias prod --kubeconfig ",
        ),
        ("it is no text", "binary", "`mv "),
        ("its user says nothing", "silent", "`users: - name: u`"),
        (
            "it has a proxy",
            "proxy",
            "`kubectl config unset clusters.c.proxy-url --kubeconfig ",
        ),
    ] {
        let error = read_kubeconfig("prod", &scene.named(inner)).expect_err(says);
        let hint = error.hint.unwrap_or_default();
        assert!(hint.contains(typed), "{says}: {hint}");
    }
}

#[test]
fn what_is_understood_is_taken_as_it_is() {
    let scene = Scene::new();
    let authority = format!("certificate-authority-data: {}", pem(TINY));
    let certificate = format!(
        "client-certificate-data: {}, client-key-data: {}",
        STANDARD.encode("cert"),
        STANDARD.encode(CANARY)
    );
    let text = file(
        &format!("{PLAIN}, tls-server-name: api.internal, {authority}"),
        &certificate,
    );
    let access = scene.read(&text).expect("read");
    assert_eq!(access.authority, vec![vec![0x30, 3, 2, 1, 5]]);
    assert_eq!(access.server_name.as_deref(), Some("api.internal"));
    let Credentials::Certificate { certificate, key } = &access.credentials else {
        panic!("{:?}", access.credentials)
    };
    assert_eq!(certificate, b"cert");
    assert_eq!(key.reveal(), CANARY);
    assert!(!format!("{access:?}").contains(CANARY));
    // Both are looked for beside the kubeconfig.
    scene.put(
        "ca.pem",
        "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n",
    );
    let text = file(
        &format!("{PLAIN}, certificate-authority: ca.pem"),
        "tokenFile: run/token",
    );
    let access = scene.read(&text).expect("read");
    assert_eq!(access.authority, vec![vec![0x30, 3, 2, 1, 5]]);
    let wanted = scene.path("run/token");
    assert!(matches!(&access.credentials, Credentials::TokenFile(path) if *path == wanted));
    // Loopback in the clear, for `world serve --insecure-http`; a user who shows nothing.
    let access = scene
        .read(&file("server: 'http://127.0.0.1:8080/'", ""))
        .expect("read");
    assert_eq!(access.endpoint, "http://127.0.0.1:8080");
    assert!(matches!(access.credentials, Credentials::None));
}

#[test]
fn of_two_with_one_name_none_is_taken() {
    let scene = Scene::new();
    let text = file(PLAIN, &format!("token: {CANARY}"));
    for (key, entry) in [
        (
            "contexts",
            "- name: prod\n  context: {cluster: c, user: v}\n",
        ),
        (
            "clusters",
            "- name: c\n  cluster: {server: 'https://evil.example'}\n",
        ),
        ("users", "- name: u\n  user: {token: other}\n"),
    ] {
        let twice = text.replace(&format!("{key}:\n"), &format!("{key}:\n{entry}"));
        let error = scene.read(&twice).expect_err(key);
        assert!(
            error.why.contains(&format!("more than one of {key}")),
            "{error}"
        );
    }
}

#[test]
fn no_kubeconfig_is_read_from_the_repository_that_is_planned() {
    let scene = Scene::new();
    let text = file(PLAIN, &format!("token: {CANARY}"));
    scene.put("repository/kube/config", &text);
    let inside = scene.path("repository/kube/config");
    let link = |from: &Path, to: PathBuf| std::os::unix::fs::symlink(from, to);
    link(&inside, scene.path("link")).expect("a link");
    link(&scene.path("repository"), scene.path("other-name")).expect("a link");
    let refused = |source: &KubeconfigSource, says: &str| {
        let error = read_kubeconfig("prod", source).expect_err(says);
        assert!(
            error.why.contains("inside of the repository"),
            "{says}: {error}"
        );
    };
    refused(&scene.named("repository/kube/config"), "by its path");
    refused(
        &scene.named("repository/../repository/kube/config"),
        "by a detour",
    );
    refused(&scene.named("link"), "by a link from outside");
    // The repository chooses where such a link leads.
    scene.put("kube/config", &text);
    let chosen = scene.path("repository/chosen");
    link(&scene.path("kube/config"), chosen.clone()).expect("a link");
    refused(
        &scene.named("repository/chosen"),
        "a link inside to a file outside",
    );
    link(&chosen, scene.path("second")).expect("a link");
    refused(&scene.named("second"), "a link outside to such a link");
    link(&scene.path("kube"), scene.path("repository/folder")).expect("a link");
    refused(
        &scene.named("repository/folder/config"),
        "by the link of a folder",
    );
    read_kubeconfig("prod", &scene.named("kube/config")).expect("a file outside");
    link(&scene.path("kube/config"), scene.path("outer")).expect("a link");
    read_kubeconfig("prod", &scene.named("outer")).expect("a link outside to a file outside");
    let mut source = scene.named("repository/kube/config");
    source.planned = Some(scene.path("other-name"));
    refused(&source, "when the repository is named by a link");
    let own = KubeconfigSource {
        named: None,
        own: vec![inside],
        planned: Some(scene.path("repository")),
    };
    refused(&own, "when $KUBECONFIG names it");
}

#[test]
fn half_a_file_is_an_error_that_quotes_no_credential() {
    let scene = Scene::new();
    let whole = file(
        &format!("{PLAIN}, certificate-authority-data: {}", pem(TINY)),
        &format!("token: \"{CANARY}\""),
    );
    let full = scene.read(&whole).expect("all of it").identity();
    let mut refused = 0;
    for end in 0..whole.len() {
        match scene.read(&whole[..end]) {
            // Nothing but the last line break is missing.
            Ok(access) => assert_eq!(access.identity(), full, "cut at {end}"),
            Err(error) => {
                let all = format!("{error} {:?}", error.hint);
                assert!(!all.contains("c4n4ry"), "cut at {end}: {all}");
                refused += 1;
            }
        }
    }
    assert!(
        refused > whole.len() - 3,
        "only {refused} of {} cuts are refused",
        whole.len()
    );
}

#[test]
fn huge_and_hostile_files_are_refused_in_words() {
    let bomb = {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let part = format!("*a{}", level - 1);
            let parts = vec![part; 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{parts}]\n"));
        }
        text
    };
    let deep = format!("contexts: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let rows = [
        ("16 MiB and more", " ".repeat((16 << 20) + 1)),
        ("a bomb of aliases", bomb),
        ("brackets without end", deep),
        ("a list", "- a\n".to_owned()),
        ("nothing", String::new()),
        (
            "two documents",
            format!("{0}---\n{0}", file(PLAIN, "token: a")),
        ),
        ("no YAML", "contexts: [}".to_owned()),
        ("contexts that are a text", "contexts: prod".to_owned()),
        ("a context that is a number", "contexts: [7]".to_owned()),
    ];
    let scene = Scene::new();
    for (says, text) in rows {
        let error = scene.read(&text).expect_err(says);
        assert!(error.to_string().len() < 2_000, "{says}: {error}");
        assert!(!error.why.is_empty(), "{says}");
    }
    files::write_atomic(&scene.path("config"), b"contexts: \xff").expect("written");
    let error = read_kubeconfig("prod", &scene.named("config")).expect_err("no UTF-8");
    assert!(error.why.contains("UTF-8"), "{error}");
    let gone = read_kubeconfig("prod", &scene.named("gone")).expect_err("no file");
    assert!(gone.why.contains("gone"), "{gone}");
}

#[test]
fn a_file_that_was_cut_off_is_called_damaged() {
    let scene = Scene::new();
    let whole = file(PLAIN, "token: a");
    let until = |mark: &str| {
        let end = whole.find(mark).expect("a mark");
        whole[..end].to_owned()
    };
    let rows = [
        ("nothing", String::new(), "it is empty"),
        (
            "the file ends before the contexts",
            until("contexts:"),
            "it has no list `clusters` and no list `contexts` and no list `users`",
        ),
        (
            "the file ends before the users",
            until("users:"),
            "it has no list `users`",
        ),
        (
            "the file ends inside of a mapping",
            until("user: u}"),
            "line ",
        ),
    ];
    for (says, text, words) in rows {
        let error = scene.read(&text).expect_err(says);
        assert!(
            error.why.contains("is damaged: ") && error.why.contains(words),
            "{says}: {error}"
        );
        assert!(!error.why.contains("no such context"), "{says}: {error}");
        let hint = error.hint.unwrap_or_default();
        assert!(hint.contains("cut off"), "{says}: {hint}");
    }
    // Of several files each may have a part.
    scene.put("first", &until("contexts:"));
    scene.put("second", &whole);
    let several = KubeconfigSource {
        named: None,
        own: vec![scene.path("first"), scene.path("second")],
        planned: None,
    };
    read_kubeconfig("prod", &several).expect("the second has it");
}
