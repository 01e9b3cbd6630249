//! Mail as tests read it: out of an instance's folder, or from a server that speaks SMTP.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bailiwick::mail::Mailer;
use lettre::message::Mailbox;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::app::Instance;

/// Returns the sender of mails in every test.
pub(crate) fn mail_from() -> Mailbox {
    "Bailiwick <bailiwick@localhost>".parse().unwrap()
}

/// Returns the token of the link in a mail.
pub(crate) fn token_in(mail: &str) -> String {
    let link = mail.lines().find(|line| line.starts_with("https://access.example.com/rbac/reset-password#token="));
    let link = link.unwrap_or_else(|| panic!("no link in {mail}"));
    link.split_once('=').unwrap().1.trim_end().to_owned()
}

impl Instance {
    /// Waits until the work beside requests has ended.
    pub(crate) async fn settled(&self) {
        self.platform.tasks().close();
        self.platform.tasks().wait().await;
        self.platform.tasks().reopen();
    }

    /// Returns the mails in its folder once no more are under way, oldest first.
    pub(crate) async fn mails(&self) -> Vec<String> {
        self.settled().await;
        let files = fs::read_dir(self.mail.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "eml")).collect();
        files.sort();
        files.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }
}

/// A mail server on loopback. It says nothing while it is held.
pub(crate) struct MailServer {
    url: String,
    at_work: Arc<AtWork>,
}

struct AtWork {
    /// The address that it takes no mail for.
    refused: Option<&'static str>,
    greeting: Semaphore,
    connections: Mutex<usize>,
    mails: Mutex<Vec<String>>,
}

impl MailServer {
    /// Starts a server that is held for now.
    pub(crate) async fn start_held() -> Self {
        Self::start_refusing(None).await
    }

    /// Starts a server that takes no mail for this address.
    pub(crate) async fn start_without(address: &'static str) -> Self {
        let server = Self::start_refusing(Some(address)).await;
        server.release();
        server
    }

    async fn start_refusing(refused: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (connections, mails) = (Mutex::default(), Mutex::default());
        let at_work = Arc::new(AtWork { refused, greeting: Semaphore::new(0), connections, mails });
        let each = Arc::clone(&at_work);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *each.connections.lock().unwrap() += 1;
                let this = Arc::clone(&each);
                // A client that goes away in the middle is its own affair.
                tokio::spawn(async move { drop(this.serve(stream).await) });
            }
        });
        Self { url, at_work }
    }

    /// Returns the mailer that sends to it.
    pub(crate) fn mailer(&self) -> Mailer {
        Mailer::smtp(&self.url, mail_from()).unwrap()
    }

    /// Lets it speak from now on.
    pub(crate) fn release(&self) {
        self.at_work.greeting.add_permits(1);
    }

    /// Returns the number of clients that have come.
    pub(crate) fn connections(&self) -> usize {
        *self.at_work.connections.lock().unwrap()
    }

    /// Returns the mails that it has taken: the envelope's recipients, then the text.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.at_work.mails.lock().unwrap().clone()
    }
}

impl AtWork {
    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        drop(self.greeting.acquire().await.unwrap());
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut mail = String::new();
        write.write_all(b"220 ready\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let word = line.split(' ').next().unwrap().to_ascii_uppercase();
            let answer = match word.as_str() {
                "EHLO" => "250-localhost\r\n250 8BITMIME\r\n",
                "RCPT" if self.refused.is_some_and(|address| line.contains(address)) => "550 no such mailbox\r\n",
                "RCPT" => {
                    mail += &line;
                    mail.push('\n');
                    "250 ok\r\n"
                }
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await?;
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        mail += line.strip_prefix('.').unwrap_or(&line);
                        mail.push('\n');
                    }
                    self.mails.lock().unwrap().push(std::mem::take(&mut mail));
                    "250 taken\r\n"
                }
                "MAIL" | "RSET" | "NOOP" => "250 ok\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "502 not here\r\n",
            };
            write.write_all(answer.as_bytes()).await?;
        }
        Ok(())
    }
}
