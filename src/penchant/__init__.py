"""Forecast what every customer of a shop will want, weeks and months ahead."""
