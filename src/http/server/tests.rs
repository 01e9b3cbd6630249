use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::time::timeout;

use super::*;

#[tokio::test]
async fn a_burst_of_connections_waits_to_be_accepted() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(1).unwrap();
    socket.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(socket.into()).unwrap();
    lengthen(&listener);
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..32 {
        let connected = timeout(Duration::from_secs(20), TcpStream::connect(address)).await;
        waiting.push(connected.expect("a place in the queue").unwrap());
    }
}
