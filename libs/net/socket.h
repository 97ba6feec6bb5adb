/* socket.h: what socket.c and options.c ask of datagram.c. */
#pragma once

#include "engine.h"

enum error datagram_open(struct net *net, struct socket *socket);
void datagram_close(struct net *net, struct datagram *datagram);
enum error datagram_bind(struct net *net, struct datagram *datagram, const struct net_endpoint *local);
enum error datagram_connect(struct net *net, struct datagram *datagram, const struct net_endpoint *peer);
enum error datagram_shutdown(struct datagram *datagram);
enum error datagram_local(const struct datagram *datagram, struct net_endpoint *local);
enum error datagram_peer(const struct datagram *datagram, struct net_endpoint *peer);
enum error datagram_take_error(struct datagram *datagram);
uint32_t datagram_ready(const struct datagram *datagram);
void datagram_info(const struct net *net, const struct socket *socket, struct net_socket_info *info);

/* ---- groups.c ---- */

/* The socket is about to go. */
void groups_leave_all(struct net *net, struct datagram *datagram);
