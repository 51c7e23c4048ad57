//! An origin on loopback: documents by path, whatever the method and the query.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

/// Documents by path: media type and bytes.
type Documents = Arc<Mutex<HashMap<String, (String, Bytes)>>>;

/// An origin that answers until it is dropped.
#[derive(Debug)]
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    documents: Documents,
    runtime: Option<tokio::runtime::Runtime>,
}

/// In the background: a test that is asynchronous itself may not wait for it.
impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Origin {
    /// An empty origin.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let documents = Documents::default();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(documents.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, documents, runtime: Some(runtime) }
    }

    /// Publishes a document.
    pub fn put(&self, path: &str, media_type: &str, bytes: impl Into<Bytes>) {
        let entry = (media_type.to_owned(), bytes.into());
        self.documents.lock().unwrap().insert(path.to_owned(), entry);
    }
}

async fn answer(State(documents): State<Documents>, uri: Uri) -> Response {
    let Some((media_type, bytes)) = documents.lock().unwrap().get(uri.path()).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    ([(header::CONTENT_TYPE, media_type)], bytes).into_response()
}
