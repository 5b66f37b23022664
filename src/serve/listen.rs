//! Sockets: who is let in, how many at a time, and how it ends.

use super::served::{Ground, Served};
use super::wire::{self, Site};
use super::{Endpoint, ServeError, ServeOptions, tls};
use stairway_world::World;
use stairway_world::door::Door;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// Connections per cluster; others wait. Each may hold a body of 3 MiB and one watch, so this bounds memory
/// at 200 MB, and is several times what kubectl, a controller and a run hold together.
const CONNECTIONS_MAX: usize = 64;
/// A client on the same machine greets at once.
const HELLO: Duration = Duration::from_secs(10);
/// How often controllers look at the world. Those of a real cluster act within a moment of each change; a
/// client that acts on the old state for that moment must be able to.
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer that was begun may take when the server ends.
const GRACE: Duration = Duration::from_secs(2);
/// After a socket failed to accept (no file descriptors left), others may close in this time.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// A server on a thread of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Serving {
    endpoints: Vec<Endpoint>,
    served: Arc<Mutex<Served>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Begins to serve; when this returns, clients can connect.
    ///
    /// # Errors
    /// The world cannot be read, has no such cluster, or a port is taken.
    pub fn start(ground: Ground, options: &ServeOptions) -> Result<Self, ServeError> {
        let door = options.role.door(&options.token);
        let served = Served::open(ground, &options.clusters, door)?;
        let served = Arc::new(Mutex::new(served));
        let identity = options.tls.then(tls::identity).transpose()?;
        let mut endpoints = Vec::new();
        let mut sockets = Vec::new();
        for (index, cluster) in options.clusters.iter().enumerate() {
            let (socket, address) = bind(cluster, port_of(options, index)?)?;
            sockets.push((socket, cluster.clone()));
            endpoints.push(Endpoint {
                cluster: cluster.clone(),
                address,
                authority: identity.as_ref().map(|one| one.authority.clone()),
            });
        }
        let (stop, stopped) = watch::channel(false);
        let house = House {
            served: Arc::clone(&served),
            identity,
            stopped,
            changed: Arc::new(watch::Sender::new(0)),
            traffic: Arc::new(wire::Traffic::new()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Start)?;
        let (pace, idle) = (options.pace, options.until_idle);
        let thread = std::thread::Builder::new()
            .name("serve".to_owned())
            .spawn(move || {
                runtime.block_on(house.keep(sockets, pace, idle));
                // A call that still waits for the lock of a file must not keep us.
                runtime.shutdown_background();
            })
            .map_err(ServeError::Start)?;
        Ok(Self {
            endpoints,
            served,
            stop,
            thread: Some(thread),
        })
    }

    /// Returns where the clusters are, in the order in which they were asked for.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Changes the door and the world of a cluster between two requests; controllers act at the next look.
    ///
    /// # Errors
    /// The world cannot be read or written, or has no such cluster.
    pub fn with<R>(
        &self,
        cluster: &str,
        change: impl FnOnce(&mut Door, &mut World) -> R,
    ) -> Result<R, crate::live::WorldError> {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.with(cluster, change)
    }

    /// Returns true when the server ended, by itself or because it was stopped.
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the server: answers that were begun are finished, watches end.
    pub fn stop(&mut self) {
        // Nobody listens when it ended by itself.
        let _over = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // It ends in any case; a panic in it was printed.
            let _ended = thread.join();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop();
    }
}

fn port_of(options: &ServeOptions, index: usize) -> Result<u16, ServeError> {
    if options.port == 0 {
        return Ok(0);
    }
    let port = u16::try_from(index)
        .ok()
        .and_then(|index| options.port.checked_add(index));
    port.ok_or(ServeError::Ports {
        clusters: options.clusters.len(),
        port: options.port,
    })
}

fn bind(cluster: &str, port: u16) -> Result<(std::net::TcpListener, SocketAddr), ServeError> {
    let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bound = || -> io::Result<_> {
        let socket = std::net::TcpListener::bind(asked)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    bound().map_err(|cause| ServeError::Socket {
        cluster: cluster.to_owned(),
        address: asked,
        cause,
    })
}

/// What all clusters share.
struct House {
    served: Arc<Mutex<Served>>,
    identity: Option<tls::Identity>,
    stopped: watch::Receiver<bool>,
    changed: Arc<watch::Sender<u64>>,
    traffic: Arc<wire::Traffic>,
}

impl House {
    async fn keep(
        self,
        sockets: Vec<(std::net::TcpListener, String)>,
        pace: u32,
        idle: Option<Duration>,
    ) {
        let mut doors = JoinSet::new();
        for (socket, cluster) in sockets {
            let site = Arc::new(Site {
                cluster,
                served: Arc::clone(&self.served),
                stopped: self.stopped.clone(),
                changed: Arc::clone(&self.changed),
                traffic: Arc::clone(&self.traffic),
            });
            doors.spawn(accept(socket, site, self.identity.clone()));
        }
        let mut stopped = self.stopped.clone();
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => {}
            () = self.look(pace) => {}
            () = self.idle(idle) => {
                // Without new requests there is nothing to wait for.
                doors.abort_all();
            }
        }
        while doors.join_next().await.is_some() {}
    }

    /// Lets controllers act, and time pass.
    async fn look(&self, pace: u32) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let begun = Instant::now();
        let mut passed = 0;
        loop {
            looks.tick().await;
            let due = begun.elapsed().as_millis().saturating_mul(u128::from(pace)) / 1_000;
            let due = i64::try_from(due).unwrap_or(i64::MAX);
            let served = Arc::clone(&self.served);
            let seconds = due - passed;
            let look = move || {
                let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
                served.look(seconds)
            };
            let looked = tokio::task::spawn_blocking(look).await;
            // A world that cannot be read is told to whoever asks for it; the next look tries again.
            if let Ok(Ok(true)) = looked {
                passed = due;
                self.changed.send_modify(|count| *count += 1);
            }
        }
    }

    /// Returns when nobody asked for anything for so long.
    async fn idle(&self, limit: Option<Duration>) {
        let Some(limit) = limit else {
            return std::future::pending().await;
        };
        loop {
            let left = limit.saturating_sub(self.traffic.quiet_for());
            if left.is_zero() {
                return;
            }
            sleep(left).await;
        }
    }
}

/// Lets clients of one cluster in until the server stops.
async fn accept(socket: std::net::TcpListener, site: Arc<Site>, identity: Option<tls::Identity>) {
    let Ok(socket) = TcpListener::from_std(socket) else {
        return;
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let guest = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, socket.accept().await)
        };
        let guest = tokio::select! {
            () = site.over() => break,
            guest = guest => guest,
        };
        match guest {
            (Ok(place), Ok((stream, _))) => {
                connections.spawn(attend(stream, place, Arc::clone(&site), identity.clone()));
            }
            (Ok(_) | Err(_), Ok(_) | Err(_)) => sleep(AFTER_FAILURE).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(socket);
    let all = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off.
    let _late = timeout(GRACE, all).await;
}

async fn attend(
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    site: Arc<Site>,
    identity: Option<tls::Identity>,
) {
    // Small answers must not wait for each other; a socket that refuses is slower, not wrong.
    let _slower = stream.set_nodelay(true);
    let Some(identity) = identity else {
        return wire::converse(stream, &site).await;
    };
    if let Ok(Ok(stream)) = timeout(HELLO, identity.greet(stream)).await {
        wire::converse(stream, &site).await;
    }
}

/// The worlds of this process, for whoever serves one without a file.
impl From<BTreeMap<String, World>> for Ground {
    fn from(worlds: BTreeMap<String, World>) -> Self {
        Self::Here(worlds)
    }
}
