"""The demo: a trading house's last ten days, invented, and the same invention every time."""
