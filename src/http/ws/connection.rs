//! One WebSocket: its handshake, its operations, its end. All in one task, which ends with the
//! connection and takes the operations with it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Response as Answer};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, AbortHandle, BoxStream, SelectAll, StreamExt};
use serde_json::{Map, Value};
use tokio::time::{Instant, interval_at, sleep, timeout};

use super::message::{FromClient, ToClient, credentials};
use crate::error::{Error, ErrorCode};
use crate::http::documents::Opened;
use crate::http::errors::{Body, never_ran, present, refused};
use crate::http::operation::Parameters;
use crate::http::server::Presence;
use crate::http::{ActingIn, Credentials, Gate, GraphqlState, RequestContext, limits};

mod admission;

/// Longest time for the client to take a message before it is given up.
const SEND: Duration = Duration::from_secs(30);

/// The longest text that a close frame carries, in bytes.
const REASON: usize = 123;

/// A connection that was let in.
pub(super) struct Connection<E, G> {
    face: GraphqlState<E, G>,
    context: RequestContext,
    /// Credentials of the upgrade request, until `connection_init` brings others.
    credentials: Credentials,
    acknowledged: bool,
    /// Tells the server that the caller is known; none where no server of ours has the connection.
    presence: Option<Presence>,
    /// `true` if anything came in since the last ping.
    heard: bool,
    running: HashMap<String, Running>,
    /// Resolves when the credentials of what runs may hold no longer; none while that is not watched.
    changed: Option<BoxFuture<'static, ()>>,
    /// End of the connection once all that answers once is answered: the credentials hold no longer.
    ending: Option<Ending>,
    /// Streams are `Send` and not `Sync`: so no method holds `&self` over an await.
    events: SelectAll<BoxStream<'static, Event>>,
}

/// An operation that is under way.
struct Running {
    handle: AbortHandle,
    /// `true` once the operation is known for a subscription: it was admitted, and its document has been read.
    subscribed: Arc<AtomicBool>,
}

impl Running {
    /// Returns `true` if the operation may go on for as long as the caller is let in.
    fn is_subscribed(&self) -> bool {
        self.subscribed.load(Ordering::Relaxed)
    }
}

/// Event of an operation.
enum Event {
    Next(String, Box<Answer>),
    Done(String),
}

/// Reason for which a connection ends.
enum Ending {
    /// The other side is not there any more, or has said goodbye.
    Gone,
    /// We close it, with a code and a word.
    Close(u16, String),
}

type Step = Result<(), Ending>;

fn close(code: u16, reason: impl Into<String>) -> Ending {
    Ending::Close(code, reason.into())
}

/// Returns the end for a caller whom the gate refused.
fn turned_away(error: &Error) -> Ending {
    let code = match error.code {
        ErrorCode::Unauthenticated | ErrorCode::Forbidden => 4403,
        ErrorCode::Unavailable | ErrorCode::RateLimited => 1013,
        ErrorCode::Internal => 1011,
        _ => 4400,
    };
    close(code, format!("{}: {}", error.code, error.message))
}

impl<E: Executor, G: Gate> Connection<E, G> {
    pub(super) fn new(
        face: GraphqlState<E, G>,
        context: RequestContext,
        credentials: Credentials,
        presence: Option<Presence>,
    ) -> Self {
        let (running, events) = (HashMap::new(), SelectAll::new());
        let (changed, ending) = (None, None);
        let (acknowledged, heard) = (false, true);
        Self { face, context, credentials, acknowledged, presence, heard, running, changed, ending, events }
    }

    /// Serves the connection to its end.
    pub(super) async fn serve(mut self, mut socket: WebSocket) {
        if let Ending::Close(code, mut reason) = self.converse(&mut socket).await {
            reason.truncate(reason.floor_char_boundary(REASON));
            let frame = CloseFrame { code, reason: reason.into() };
            // The client may be gone already; nobody is left to tell.
            let _ = timeout(SEND, socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn converse(&mut self, socket: &mut WebSocket) -> Ending {
        let mut late = pin!(sleep(self.face.options.init_timeout));
        let mut unknown = pin!(sleep(self.face.options.stranger_time));
        let every = self.face.options.keepalive;
        let mut turn = interval_at(Instant::now() + every, every);
        let shutdown = self.face.options.shutdown.clone();
        loop {
            let step = tokio::select! {
                incoming = socket.recv() => self.receive(socket, incoming).await,
                Some(event) = self.events.next() => self.emit(socket, event).await,
                () = admission::resolved(&mut self.changed) => self.ask_again().await,
                _ = turn.tick() => self.keep_alive(socket).await,
                () = &mut late, if !self.acknowledged => Err(close(4408, "Connection initialisation timeout")),
                () = &mut unknown, if self.credentials.bearer.is_none() => Err(close(4403, "No credential was shown")),
                () = shutdown.cancelled() => Err(close(1001, "The server is stopping")),
            };
            if let Err(ending) = step.and_then(|()| self.end_if_idle()) {
                return ending;
            }
        }
    }

    async fn receive(&mut self, socket: &mut WebSocket, incoming: Option<Result<Message, axum::Error>>) -> Step {
        self.heard = true;
        match incoming {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                Ok(message) => self.obey(socket, message).await,
                Err(error) => Err(close(4400, format!("Invalid message: {error}"))),
            },
            Some(Ok(Message::Binary(_))) => Err(close(4400, "Invalid message: text was expected")),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_))) | None => Err(Ending::Gone),
            Some(Err(error)) => {
                tracing::debug!(%error, "a WebSocket broke");
                Err(close(1009, format!("Messages have at most {} bytes", limits::MESSAGE)))
            }
        }
    }

    async fn obey(&mut self, socket: &mut WebSocket, message: FromClient) -> Step {
        match message {
            FromClient::ConnectionInit { .. } if self.acknowledged => {
                Err(close(4429, "Too many initialisation requests"))
            }
            FromClient::ConnectionInit { payload } => self.initialise(socket, payload.unwrap_or_default()).await,
            FromClient::Subscribe { .. } if !self.acknowledged => Err(close(4401, "Unauthorized")),
            FromClient::Subscribe { id, payload } => self.subscribe(socket, id, payload).await,
            FromClient::Complete { id } => {
                self.stop(&id);
                Ok(())
            }
            FromClient::Ping { payload } => send(socket, &ToClient::Pong { payload }).await,
            FromClient::Pong {} => Ok(()),
        }
    }

    async fn initialise(&mut self, socket: &mut WebSocket, payload: Map<String, Value>) -> Step {
        self.credentials = credentials(&payload, &self.credentials).map_err(|error| turned_away(&error))?;
        // Each operation is admitted for itself: this only says early what cannot work.
        let tenant = self.admitted().await.map_err(|error| turned_away(&error))?;
        self.acknowledged = true;
        if let (Some(presence), Some(ActingIn(tenant))) = (&self.presence, tenant) {
            presence.know(tenant);
        }
        send(socket, &ToClient::ConnectionAck).await
    }

    async fn subscribe(&mut self, socket: &mut WebSocket, id: String, parameters: Parameters) -> Step {
        if self.running.contains_key(&id) {
            return Err(close(4409, format!("Subscriber for {id} already exists")));
        }
        if self.running.len() >= limits::OPERATIONS {
            let message = format!("one connection runs at most {} operations at a time", limits::OPERATIONS);
            return self.fail(socket, &id, refused(&Error::new(ErrorCode::RateLimited, message))).await;
        }
        let (next, done) = (id.clone(), id.clone());
        let subscribed = Arc::new(AtomicBool::new(false));
        let events = self
            .run(parameters, Arc::clone(&subscribed))
            .map(move |answer| Event::Next(next.clone(), Box::new(answer)))
            .chain(stream::once(async { Event::Done(done) }));
        let (events, handle) = stream::abortable(events);
        self.events.push(events.boxed());
        self.running.insert(id, Running { handle, subscribed });
        if self.changed.is_none() {
            self.watch();
        }
        Ok(())
    }

    /// Returns the answers of an operation, which the gate admits first.
    fn run(&self, parameters: Parameters, subscribed: Arc<AtomicBool>) -> BoxStream<'static, Answer> {
        let face = self.face.clone();
        // Each message is a request of its own.
        let (credentials, context) = (self.credentials.clone(), self.context.another());
        let answers = async move {
            let data = match face.gate.admit(&credentials, &context).await {
                Ok(data) => data,
                Err(error) => return stream::once(async move { refused(&error) }).boxed(),
            };
            let tenant = ActingIn::of(&data);
            match face.documents.open(parameters, tenant, context.address).await {
                Ok(opened @ Opened { runs: Some(OperationType::Query | OperationType::Mutation), .. }) => {
                    stream::once(async move { face.answer(opened, tenant, data, &context).await }).boxed()
                }
                Ok(Opened { mut request, .. }) => {
                    subscribed.store(true, Ordering::Relaxed);
                    request.data = data;
                    request.data.insert(context);
                    face.executor.execute_stream(request, None)
                }
                Err(error) => stream::once(async move { Answer::from_errors(vec![error]) }).boxed(),
            }
        };
        answers.flatten_stream().boxed()
    }

    async fn emit(&mut self, socket: &mut WebSocket, event: Event) -> Step {
        match event {
            Event::Next(id, answer) if never_ran(&answer) => {
                self.stop(&id);
                self.fail(socket, &id, *answer).await
            }
            Event::Next(id, mut answer) => {
                if self.running.get(&id).is_none_or(Running::is_subscribed)
                    && let Err(error) = self.admitted().await
                {
                    return self.withhold(socket, &id, &error).await;
                }
                present(&mut answer, &self.context);
                send(socket, &ToClient::Next { id: &id, payload: Body::of(&answer) }).await
            }
            Event::Done(id) => {
                self.running.remove(&id);
                send(socket, &ToClient::Complete { id: &id }).await
            }
        }
    }

    /// Answers an operation that never ran.
    async fn fail(&mut self, socket: &mut WebSocket, id: &str, mut answer: Answer) -> Step {
        present(&mut answer, &self.context);
        send(socket, &ToClient::Error { id, payload: &answer.errors }).await
    }

    /// Ends an operation; it says nothing more.
    fn stop(&mut self, id: &str) {
        if let Some(running) = self.running.remove(id) {
            running.handle.abort();
        }
    }

    /// Pings, unless the client has been silent since the last time; and asks the gate again.
    async fn keep_alive(&mut self, socket: &mut WebSocket) -> Step {
        if !std::mem::take(&mut self.heard) {
            return Err(close(3008, "Timeout"));
        }
        self.ask_again().await?;
        transmit(socket, Message::Ping(Vec::new().into())).await
    }
}

async fn send(socket: &mut WebSocket, message: &ToClient<'_>) -> Step {
    let text = serde_json::to_string(message).map_err(|error| {
        tracing::error!(%error, "a message could not be written");
        close(1011, "Internal error")
    })?;
    transmit(socket, Message::Text(text.into())).await
}

async fn transmit(socket: &mut WebSocket, message: Message) -> Step {
    match timeout(SEND, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Ending::Gone),
    }
}
