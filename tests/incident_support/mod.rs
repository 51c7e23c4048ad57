//! The region's desk for a test: a mail server of others and an HTTPS hook, with an authority of their own.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::{
    support::{school_box::free_port, until},
    wifi_support::secret,
};

/// Where the desk listens, and whom the box is to trust there.
#[derive(Debug)]
pub struct Place {
    pub folder: TempDir,
    smtp: u16,
    https: u16,
}

/// The desk at work; it ends when dropped.
#[derive(Debug)]
pub struct Desk {
    took: PathBuf,
    child: Child,
}

fn installed() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/smtp");
    let found = root.join("version").exists();
    assert!(found || std::env::var_os("CI").is_none(), "the mail server is missing");
    if !found {
        eprintln!("SKIPPED: there is no mail server (scripts/install-smtp)");
    }
    found.then(|| root.join("venv/bin/python"))
}

impl Place {
    /// Two free ports. `None` where the mail server is not installed.
    pub fn new() -> Option<Self> {
        installed()?;
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder, smtp: free_port(), https: free_port() };
        place.certify("good");
        place.certify("impostor");
        Some(place)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An authority of this name, and a certificate of `localhost` by it.
    fn certify(&self, name: &str) {
        let mut own = CertificateParams::new(vec![]).unwrap();
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(own, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        fs::write(self.file(&format!("{name}.authority")), authority.pem()).unwrap();
        fs::write(self.file(&format!("{name}.crt")), certificate.pem()).unwrap();
        fs::write(self.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// For `[network]`: whom to trust.
    pub fn network(&self) -> String {
        format!("extra_authorities = [\"{}\"]", self.file("good.authority").display())
    }

    /// `[health.tickets]` and below.
    pub fn settings(&self) -> String {
        let password = secret(self.folder.path(), "password", "secret-de-poste");
        let token = secret(self.folder.path(), "token", "jeton-du-guichet");
        format!(
            "[health.tickets]\ncontact = \"M. Martin, 03 87 00 00 00\"\n\
             contract = \"GTR 4 h, lundi à samedi\"\navailability = \"99.7%\"\n\
             delay = \"1s\"\nmerge = \"1s\"\n\
             kinds = [\"controller_silent\", \"access_point_down\", \"wing_down\", \"link_down\"]\n\
             [health.tickets.mail]\nserver = \"localhost:{}\"\nfrom = \"preau@lycee.example\"\n\
             to = [\"guichet@region.example\"]\nuser = \"preau\"\npassword_file = \"{}\"\n\
             [health.tickets.hook]\nurl = \"https://localhost:{}/tickets\"\n\
             credentials = {{ token_file = \"{}\" }}\n",
            self.smtp,
            password.display(),
            self.https,
            token.display()
        )
    }

    /// Opens it, with the certificate of this authority.
    pub fn open(&self, authority: &str) -> Desk {
        let took = self.file(&format!("took-{authority}"));
        fs::create_dir_all(&took).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/incident_support/desk.py");
        let child = Command::new(installed().unwrap())
            .arg(script)
            .arg(&took)
            .arg(self.file(&format!("{authority}.crt")))
            .arg(self.file(&format!("{authority}.key")))
            .args([self.smtp.to_string(), self.https.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let desk = Desk { took, child };
        until("the desk", || desk.took.join("ready").exists().then_some(()));
        desk
    }
}

impl Desk {
    /// What came by `mail` or `hook`, in order.
    pub fn took(&self, kind: &str) -> Vec<String> {
        let files = fs::read_dir(&self.took).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> =
            files.filter(|path| path.extension().is_some_and(|one| one == kind)).collect();
        files.sort();
        let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        files.into_iter().map(text).collect()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
