"""Operations that overlap inside a device: the domain of the scenario kind `overlap`."""
