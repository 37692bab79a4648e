// The functions of Boost.JSON, compiled once: nothing has to be linked for it.
#include <boost/json/src.hpp>
