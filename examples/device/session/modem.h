#ifndef EXAMPLES_DEVICE_MODEM_H_
#define EXAMPLES_DEVICE_MODEM_H_

// The serial line goes to modem.py, which makes connections. Both sides write the byte 255 twice;
// 255 and another byte is
//
//     from the board    C: connect, anew if there is a connection
//     from the modem    C: there is a connection, what follows is from it    L: it is lost

namespace modem {

/// Makes a connection, and waits for it.
void connect();

enum class Read { kNothing, kByte, kLost };
/// One byte of the connection.
Read read(char& byte);
/// False if there is no room for it.
bool write(char byte);

}  // namespace modem

#endif  // EXAMPLES_DEVICE_MODEM_H_
