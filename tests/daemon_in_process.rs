//! A whole box inside another program: what it is asked there, and that it leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::{io::ErrorKind, path::Path};

use preau::{config::Config, daemon};
use tokio::net::TcpStream;

fn config(folder: &Path) -> Config {
    let at = folder.display();
    let text = format!(
        "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n[network]\nlisten = [\"127.0.0.1:0\"]\n\
         [store]\npath = \"{at}/data\"\nreserve = \"10 MB\"\n\
         [control]\nsocket = \"{at}/control.sock\"\n\
         [[catalogue.feeds]]\nname = \"perdu\"\nurl = \"http://127.0.0.1:1/\"\n"
    );
    Config::parse("test", &text).unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_starts_answers_stops_and_starts_again_in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let running = daemon::start(config(folder.path())).await.unwrap();
        let address = running.addresses[0];
        assert_ne!(address.port(), 0);
        TcpStream::connect(address).await.unwrap();
        let sources = running.refresh_now().await;
        assert!(sources[0].failure.is_some(), "nobody answers there: {sources:?}");
        assert_eq!(running.holdings().borrow().sources.len(), 1);
        assert!(running.mirror_progress().borrow().active.is_empty());
        assert!(running.stop().await, "nothing was left to drain");
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_box_on_the_same_folder_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let first = daemon::start(config(folder.path())).await.unwrap();
    let second = daemon::start(config(folder.path())).await.unwrap_err();
    assert!(second.to_string().contains("is preau already running?"), "{second}");
    assert!(first.stop().await);
}
